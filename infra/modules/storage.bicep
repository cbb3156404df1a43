// Two accounts. The Functions host keeps its locks, keys, receipts and queues in the first, where its identity must have
// much; the CSV files lie in the second, on whose events the import hangs.
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

@description('CSV files land here.')
resource uploads 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports'
  properties: {
    publicAccess: 'None'
  }
}

@description('Each import\'s own copy of its file.')
resource work 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports-work'
  properties: {
    publicAccess: 'None'
  }
}

@description('Data Factory\'s logs of the rows that its Copy skipped.')
resource rejects 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: importsBlobs
  name: 'imports-rejects'
  properties: {
    publicAccess: 'None'
  }
}

@description('Events that Event Grid gave up on. (The timer finds their files all the same.)')
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

@description('What the host gave up on after five tries; its name is the host\'s.')
resource poison 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = {
  parent: importsQueues
  name: 'webjobs-blobtrigger-poison'
}

// The app deletes what it no longer needs; this is for what a process left behind that died.
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

// Event Grid writes what it can't deliver into one container, as its own identity.
resource topicKeepsUndelivered 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(undelivered.id, topic.id, roles.storageBlobDataContributor)
  scope: undelivered
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataContributor
  }
}

// AzureWebJobsStorage: the host keeps its locks and keys as blobs and makes the containers for them.
resource appOwnsHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageBlobDataOwner)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataOwner
  }
}

// AzureWebJobsStorage: a blob trigger goes through queues of the host's own.
resource appUsesHostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageQueueDataContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageQueueDataContributor
  }
}

// AzureWebJobsStorage: the host's diagnostic events, which tell why it doesn't start, are rows of a table.
resource appUsesHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageTableDataContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageTableDataContributor
  }
}

// AzureWebJobsStorage: what Microsoft's page on host storage asks for beside the two above, for a blob trigger. It lets
// the identity change the account itself: a reason for an account that holds nothing but the host's own.
resource appManagesHostAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.storageAccountContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageAccountContributor
  }
}

// IMPORT_STORAGE: the blob trigger reads uploads and tags; the app copies, lists and deletes.
resource appOwnsImportBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(importsAccount.id, appPrincipalId, roles.storageBlobDataOwner)
  scope: importsAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataOwner
  }
}

// IMPORT_STORAGE: the trigger puts what it gives up on into the poison queue, and record_poison reads it.
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

// Who wrote and deleted which file. Reads are left out: the app's own would be most of the bill.
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
