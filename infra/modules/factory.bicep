// Data Factory with all definitions of datafactory/. This module only sets the addresses in them.
param location string
param tags object
param suffix string
param appPrincipalId string
param importsAccountName string
param databaseServer string
param databaseName string
param workspaceId string

var roles = {
  // https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
  dataFactoryContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '673868aa-7521-48a0-acc6-0f60742d39f5')
  storageBlobDataContributor: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
  storageBlobDataReader: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
}

resource factory 'Microsoft.DataFactory/factories@2018-06-01' = {
  name: 'adf-${suffix}'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    publicNetworkAccess: 'Enabled'
  }
}

// The factory's identity in Entra: the database user is created from its client id.
resource factoryIdentity 'Microsoft.ManagedIdentity/identities@2023-01-31' existing = {
  scope: factory
  name: 'default'
}

resource importsAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: importsAccountName
}

resource importsBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: importsAccount
  name: 'default'
}

resource work 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: importsBlobs
  name: 'imports-work'
}

resource rejects 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: importsBlobs
  name: 'imports-rejects'
}

// union() merges nested objects: all other values are those of the file.
var storageService = loadJsonContent('../../datafactory/linkedService/import_storage.json')
var databaseService = loadJsonContent('../../datafactory/linkedService/catalog_database.json')

resource importStorage 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = {
  parent: factory
  name: 'import_storage'
  properties: any(union(storageService.properties, {
    typeProperties: {
      serviceEndpoint: importsAccount.properties.primaryEndpoints.blob
    }
  }))
}

resource catalogDatabase 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = {
  parent: factory
  name: 'catalog_database'
  properties: any(union(databaseService.properties, {
    typeProperties: {
      server: databaseServer
      database: databaseName
    }
  }))
}

// The files reference each other by name, which Bicep doesn't see: dependsOn sets the order.
resource importFile 'Microsoft.DataFactory/factories/datasets@2018-06-01' = {
  parent: factory
  name: 'import_file'
  properties: any(loadJsonContent('../../datafactory/dataset/import_file.json').properties)
  dependsOn: [importStorage]
}

resource productsStaging 'Microsoft.DataFactory/factories/datasets@2018-06-01' = {
  parent: factory
  name: 'products_staging'
  properties: any(loadJsonContent('../../datafactory/dataset/products_staging.json').properties)
  dependsOn: [catalogDatabase]
}

resource categoriesStaging 'Microsoft.DataFactory/factories/datasets@2018-06-01' = {
  parent: factory
  name: 'categories_staging'
  properties: any(loadJsonContent('../../datafactory/dataset/categories_staging.json').properties)
  dependsOn: [catalogDatabase]
}

resource importProducts 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'import_products'
  properties: any(loadJsonContent('../../datafactory/pipeline/import_products.json').properties)
  dependsOn: [importStorage, importFile, productsStaging]
}

resource importCategories 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'import_categories'
  properties: any(loadJsonContent('../../datafactory/pipeline/import_categories.json').properties)
  dependsOn: [importStorage, importFile, categoriesStaging]
}

// Copy reads the working copy of an import, but no other upload.
resource factoryReadsCopies 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(work.id, factory.id, roles.storageBlobDataReader)
  scope: work
  properties: {
    principalId: factory.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataReader
  }
}

// Copy writes the log of the rows that it skipped.
resource factoryWritesRejects 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(rejects.id, factory.id, roles.storageBlobDataContributor)
  scope: rejects
  properties: {
    principalId: factory.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.storageBlobDataContributor
  }
}

// The app starts, watches and cancels runs. This is the narrowest built-in role for it. The role can also change
// pipelines, but these run with the factory's identity, which only has access to staging, the merge and two containers.
resource appRunsFactory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(factory.id, appPrincipalId, roles.dataFactoryContributor)
  scope: factory
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.dataFactoryContributor
  }
}

// Writes runs to their own tables, ADFPipelineRun and ADFActivityRun, which the timeline of an import reads.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: factory
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'PipelineRuns'
        enabled: true
      }
      {
        category: 'ActivityRuns'
        enabled: true
      }
    ]
  }
}

output name string = factory.name
output identityClientId string = factoryIdentity.properties.clientId
