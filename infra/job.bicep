// Runs one command in the app's image with the operator's identity. A deployment migrates the database and creates its
// users and the first administrator this way: the deploying machine needs no ODBC driver and no firewall rule.
param location string = resourceGroup().location
@description('Name of the container group. A new one with the same name replaces it.')
param name string
@description('Image in this deployment\'s registry.')
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
