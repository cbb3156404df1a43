// The Function App: a container of the app's image on App Service.
param location string
param tags object
param suffix string
param planSku string
param instances int
param zoneRedundant bool
param image string
param identityId string
param identityClientId string
param hostAccountName string
param importsAccountName string
param databaseServer string
param databaseName string
param cacheHost string
param factoryName string
param vaultUri string
param firebaseProjectId string
@secure()
param applicationInsightsConnectionString string
param workspaceId string

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-${suffix}'
  location: location
  tags: tags
  kind: 'linux'
  sku: {
    name: planSku
    capacity: instances
  }
  properties: {
    // Required for Linux.
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource importsAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: importsAccountName
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // The host's id is the first 32 characters of the name, and must be unique. The name has 17.
  name: 'app-${suffix}'
  location: location
  tags: tags
  kind: 'functionapp,linux,container'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    siteConfig: {
      linuxFxVersion: 'DOCKER|${image}'
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identityClientId
      alwaysOn: true
      healthCheckPath: '/api/health/live'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      appSettings: [
        {
          name: 'FUNCTIONS_EXTENSION_VERSION'
          value: '~4'
        }
        {
          name: 'FUNCTIONS_WORKER_RUNTIME'
          value: 'python'
        }
        {
          // Otherwise the platform's /home would hide /home/site/wwwroot of the image.
          name: 'WEBSITES_ENABLE_APP_SERVICE_STORAGE'
          value: 'false'
        }
        {
          name: 'AZURE_CLIENT_ID'
          value: identityClientId
        }
        {
          name: 'AzureWebJobsStorage__accountName'
          value: hostAccountName
        }
        {
          name: 'AzureWebJobsStorage__credential'
          value: 'managedidentity'
        }
        {
          name: 'AzureWebJobsStorage__clientId'
          value: identityClientId
        }
        {
          name: 'IMPORT_STORAGE__blobServiceUri'
          value: importsAccount.properties.primaryEndpoints.blob
        }
        {
          name: 'IMPORT_STORAGE__queueServiceUri'
          value: importsAccount.properties.primaryEndpoints.queue
        }
        {
          name: 'IMPORT_STORAGE__credential'
          value: 'managedidentity'
        }
        {
          name: 'IMPORT_STORAGE__clientId'
          value: identityClientId
        }
        {
          name: 'BLOB_TRIGGER_SOURCE'
          value: 'EventGrid'
        }
        {
          name: 'RECONCILE_SCHEDULE'
          value: '*/30 * * * * *'
        }
        {
          name: 'DRAIN_SCHEDULE'
          value: '*/10 * * * * *'
        }
        {
          // The user name is the identity's client id. There is no password.
          name: 'DATABASE_URL'
          value: 'mssql+pyodbc://${identityClientId}@${databaseServer}:1433/${databaseName}?driver=ODBC+Driver+18+for+SQL+Server&authentication=ActiveDirectoryMsi&Encrypt=yes&TrustServerCertificate=no'
        }
        {
          name: 'REDIS_URL'
          value: 'rediss://${cacheHost}:10000/0'
        }
        {
          name: 'DATA_FACTORY_SUBSCRIPTION_ID'
          value: subscription().subscriptionId
        }
        {
          name: 'DATA_FACTORY_RESOURCE_GROUP'
          value: resourceGroup().name
        }
        {
          name: 'DATA_FACTORY_NAME'
          value: factoryName
        }
        {
          // The app reads FIREBASE-WEB-API-KEY and FIREBASE-SERVICE-ACCOUNT from this vault at its start.
          name: 'KEY_VAULT_URL'
          value: vaultUri
        }
        {
          name: 'FIREBASE_PROJECT_ID'
          value: firebaseProjectId
        }
        {
          name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
          value: applicationInsightsConnectionString
        }
        {
          // With telemetryMode in host.json, the worker's spans continue the host's traces.
          name: 'PYTHON_ENABLE_OPENTELEMETRY'
          value: 'true'
        }
      ]
    }
  }
}

// Publishing with a password is disabled, over FTP and over SCM.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        // Includes the container's output, and the reason if it doesn't start.
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
