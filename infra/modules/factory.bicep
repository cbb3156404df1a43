// Data Factory with everything of datafactory/, whose JSON is its only source: only addresses are set here.
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

// The same identity as Entra knows it: the database's user is made from its client id.
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

// union() merges nested objects: what isn't named here stays as the file has it.
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

// The files name each other by plain strings, so Bicep sees no order in them: dependsOn says it.
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

// Copy reads an import's own copy, and nothing else that was uploaded.
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

// The app starts, watches and cancels runs. The narrowest built-in role that may; it could change the pipelines too, but
// what they do runs as the factory, which reaches staging, the merge and two containers.
resource appRunsFactory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(factory.id, appPrincipalId, roles.dataFactoryContributor)
  scope: factory
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roles.dataFactoryContributor
  }
}

// Runs as tables of their own (ADFPipelineRun, ADFActivityRun): an import's story is read from them.
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
