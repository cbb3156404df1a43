// One command in the app's image, run once as the operator's identity: a deployment migrates the database, makes its
// users and the first admin this way. So it needs neither a driver nor an open firewall where it is started.
param location string = resourceGroup().location
@description('Name of the container group; the same name again takes the place of the last one.')
param name string
@description('The image, in this deployment\'s registry.')
param image string
@description('Program and arguments.')
param command array
param registryServer string
param operatorIdentityId string
param operatorIdentityClientId string
param databaseServer string
param databaseName string
param vaultUri string
param firebaseProjectId string

resource job 'Microsoft.ContainerInstance/containerGroups@2023-05-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${operatorIdentityId}': {}
    }
  }
  properties: {
    osType: 'Linux'
    restartPolicy: 'Never'
    imageRegistryCredentials: [
      {
        server: registryServer
        identity: operatorIdentityId
      }
    ]
    containers: [
      {
        name: 'job'
        properties: {
          image: image
          command: command
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 2
            }
          }
          environmentVariables: [
            {
              name: 'AZURE_CLIENT_ID'
              value: operatorIdentityClientId
            }
            {
              name: 'DATABASE_URL'
              value: 'mssql+pyodbc://${operatorIdentityClientId}@${databaseServer}:1433/${databaseName}?driver=ODBC+Driver+18+for+SQL+Server&authentication=ActiveDirectoryMsi&Encrypt=yes&TrustServerCertificate=no'
            }
            {
              name: 'KEY_VAULT_URL'
              value: vaultUri
            }
            {
              name: 'FIREBASE_PROJECT_ID'
              value: firebaseProjectId
            }
          ]
        }
      }
    ]
  }
}

output name string = job.name
