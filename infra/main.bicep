// All Azure resources of the catalog, in one resource group of their own.
// Each module creates one service and the role assignments for it, each with its reason.
targetScope = 'subscription'

@description('Name of this deployment (azd calls it an environment). It is part of all resource names.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region of all resources, such as westeurope.')
@minLength(1)
param location string

@description('Firebase project of the catalog\'s users.')
@minLength(4)
@maxLength(30)
param firebaseProjectId string

@description('Image that the app runs. Before the first one is published it is Microsoft\'s base image, which has no functions. Later infra/deployed.sh passes the running image.')
param appImage string = 'mcr.microsoft.com/azure-functions/python:4-python3.13'

// Sizes are small by default; production.parameters.json has larger ones. docs/azure.md explains them.

@description('App Service plan: B1 to B3 or P0v3 to P3v3 (Always On needs Basic or more).')
param appPlanSku string = 'B1'

@description('Instances of the app. With two or more, App Service replaces an instance that fails its health check.')
@minValue(1)
@maxValue(30)
param appInstances int = 1

@description('SKU of Azure SQL Database. Use a provisioned tier: the timers would keep a serverless one awake.')
param databaseSku object = {
  name: 'S2'
  tier: 'Standard'
}

@description('Days for which the database can be restored to a point in time.')
@minValue(1)
@maxValue(35)
param databaseBackupDays int = 7

@description('Redundancy of the database\'s backups.')
@allowed(['Local', 'Zone', 'Geo'])
param databaseBackupRedundancy string = 'Local'

@description('SKU of Azure Managed Redis.')
param cacheSku string = 'Balanced_B0'

@description('Whether Redis has a replica. Without one, a failure empties the cache but loses no data.')
param cacheHighAvailability bool = false

@description('Replication of the uploaded files.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('SKU of Container Registry.')
@allowed(['Basic', 'Standard', 'Premium'])
param registrySku string = 'Basic'

@description('Spreads the plan and the database over the region\'s availability zones. Their tiers have to support it.')
param zoneRedundant bool = false

@description('Days for which logs, traces and metrics are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Daily limit of logs in gigabytes; later logs of the day are lost. -1: no limit.')
param logDailyGigabytes int = 1

@description('E-mail address for alerts and the budget. Empty: alerts are only in the portal.')
param alertEmail string = ''

@description('Monthly budget in the billing currency, after which alertEmail gets a message. 0: no budget.')
@minValue(0)
param monthlyBudget int = 0

@description('First day of the month in which the budget was created, such as 2026-12-01. A new budget has to start in the current month, and its start can\'t be changed later. Empty: no budget.')
param budgetStart string = ''

var suffix = uniqueString(subscription().id, environmentName, location)
var tags = {
  'azd-env-name': environmentName
  application: 'product-catalog'
}

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    retentionDays: logRetentionDays
    dailyGigabytes: logDailyGigabytes
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    skuName: registrySku
    appPrincipalId: identities.outputs.appPrincipalId
    operatorPrincipalId: identities.outputs.operatorPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    appPrincipalId: identities.outputs.appPrincipalId
    operatorPrincipalId: identities.outputs.operatorPrincipalId
    deployerPrincipalId: deployer().objectId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module factory 'modules/factory.bicep' = {
  name: 'factory'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    appPrincipalId: identities.outputs.appPrincipalId
    importsAccountName: storage.outputs.importsAccountName
    databaseServer: database.outputs.serverHost
    databaseName: database.outputs.databaseName
    workspaceId: monitoring.outputs.workspaceId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    skuName: storageSku
    appPrincipalId: identities.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module database 'modules/database.bicep' = {
  name: 'database'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    sku: databaseSku
    backupDays: databaseBackupDays
    backupRedundancy: databaseBackupRedundancy
    zoneRedundant: zoneRedundant
    operatorName: identities.outputs.operatorName
    operatorPrincipalId: identities.outputs.operatorPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module cache 'modules/cache.bicep' = {
  name: 'cache'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    skuName: cacheSku
    highAvailability: cacheHighAvailability
    appPrincipalId: identities.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    planSku: appPlanSku
    instances: appInstances
    zoneRedundant: zoneRedundant
    image: appImage
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    hostAccountName: storage.outputs.hostAccountName
    importsAccountName: storage.outputs.importsAccountName
    databaseServer: database.outputs.serverHost
    databaseName: database.outputs.databaseName
    cacheHost: cache.outputs.host
    factoryName: factory.outputs.name
    vaultUri: vault.outputs.uri
    firebaseProjectId: firebaseProjectId
    applicationInsightsConnectionString: monitoring.outputs.applicationInsightsConnectionString
    workspaceId: monitoring.outputs.workspaceId
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    workspaceId: monitoring.outputs.workspaceId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    suffix: suffix
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    appUrl: app.outputs.url
    email: alertEmail
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
}

// azd passes these to infra/publish.sh as environment variables. Without azd the script reads them from the deployment.
output AZURE_RESOURCE_GROUP string = group.name
output CONTAINER_REGISTRY_NAME string = registry.outputs.name
output CONTAINER_REGISTRY_SERVER string = registry.outputs.loginServer
output FUNCTION_APP_NAME string = app.outputs.name
output API_URL string = app.outputs.url
output KEY_VAULT_NAME string = vault.outputs.name
output KEY_VAULT_URI string = vault.outputs.uri
output APP_IDENTITY_NAME string = identities.outputs.appName
output APP_IDENTITY_CLIENT_ID string = identities.outputs.appClientId
output OPERATOR_IDENTITY_ID string = identities.outputs.operatorId
output OPERATOR_IDENTITY_CLIENT_ID string = identities.outputs.operatorClientId
output FACTORY_NAME string = factory.outputs.name
output FACTORY_CLIENT_ID string = factory.outputs.identityClientId
output DATABASE_SERVER string = database.outputs.serverHost
output DATABASE_NAME string = database.outputs.databaseName
output IMPORTS_ACCOUNT_NAME string = storage.outputs.importsAccountName
output EVENT_TOPIC_NAME string = storage.outputs.eventTopicName
output FIREBASE_PROJECT_ID string = firebaseProjectId
