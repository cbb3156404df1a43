// Two storage accounts. The first is the Functions host's, for its locks, keys, receipts and queues; the app's identity
// needs many roles there. The second has the CSV files, and its events start imports.
param location string
param tags object
param suffix string
param skuName string
param appPrincipalId string
param workspaceId string

var roles = {
  // https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
  storageAccountContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '17d1049b-9a84-46fb-8f53-869881c3d3ab')
  storageBlobDataContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
  storageBlobDataOwner: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
  storageBlobDelegator: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a')
  storageQueueDataContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
  storageTableDataContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: 'sthost${suffix}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
  }
}

resource importsAccount 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: 'stimports${suffix}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
  }
}

resource importsBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: importsAccount
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

@description('Uploaded CSV files.')
resource uploads 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports'
  properties: {
    publicAccess: 'None'
  }
}

@description('Working copy of the file of each import.')
resource work 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports-work'
  properties: {
    publicAccess: 'None'
  }
}

@description('Data Factory\'s logs of the rows that Copy skipped.')
resource rejects 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports-rejects'
  properties: {
    publicAccess: 'None'
  }
}

@description('Dead-lettered events of Event Grid. (The reconcile timer finds their files.)')
resource undelivered 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports-deadletter'
  properties: {
    publicAccess: 'None'
  }
}

resource importsQueues 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: importsAccount
  name: 'default'
}

@description('Blob trigger messages that failed five times. The host determines the name.')
resource poison 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = {
  parent: importsQueues
  name: 'webjobs-blobtrigger-poison'
}

// The app deletes its blobs; this deletes those that a killed process has left behind.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: importsAccount
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'leftover-copies-and-events'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob', 'appendBlob']
              prefixMatch: ['imports-work/', 'imports-deadletter/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 30
                }
              }
            }
          }
        }
        {
          name: 'leftover-rejects'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob', 'appendBlob']
              prefixMatch: ['imports-rejects/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 120
                }
              }
            }
          }
        }
      ]
    }
  }
  dependsOn: [importsBlobs]
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'imports-${suffix}'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: importsAccount.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

// Event Grid writes the events that it can't deliver to one container, with its own identity.
resource topicKeepsUndelivered 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(undelivered.id, topic.id, roles.storageBlobDataContributor)
  scope: undelivered
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataContributor
  }
}

// AzureWebJobsStorage: the host stores its locks and keys as blobs and creates their containers.
resource appOwnsHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageBlobDataOwner)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataOwner
  }
}

// AzureWebJobsStorage: a blob trigger uses the host's own queues.
resource appUsesHostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageQueueDataContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageQueueDataContributor
  }
}

// AzureWebJobsStorage: the host writes diagnostic events, such as why it doesn't start, to a table.
resource appUsesHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageTableDataContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageTableDataContributor
  }
}

// AzureWebJobsStorage: Microsoft's page on host storage requires this role for a blob trigger. It can change the account
// itself, which is why the host has an account of its own.
resource appManagesHostAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageAccountContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageAccountContributor
  }
}

// IMPORT_STORAGE: the blob trigger reads uploads and tags; the app copies, lists and deletes blobs.
resource appOwnsImportBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(importsAccount.id, appPrincipalId, roles.storageBlobDataOwner)
  scope: importsAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataOwner
  }
}

// IMPORT_STORAGE: the blob trigger writes failed messages to the poison queue, which record_poison reads.
resource appUsesImportQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(importsAccount.id, appPrincipalId, roles.storageQueueDataContributor)
  scope: importsAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageQueueDataContributor
  }
}

// create_upload signs a SAS with a user-delegation key.
resource appDelegates 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(importsAccount.id, appPrincipalId, roles.storageBlobDelegator)
  scope: importsAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDelegator
  }
}

// Shows who wrote or deleted which file. Without reads: those of the app would be most of the cost.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: importsBlobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

output hostAccountName string = hostAccount.name
output importsAccountName string = importsAccount.name
output eventTopicName string = topic.name
