// Two identities. The app runs as the first. The second is the operator's: a deployment's jobs (infra/job.bicep) run as
// it, and it alone may change the database's schema, which the app can't.
param location string
param tags object
param suffix string

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-app-${suffix}'
  location: location
  tags: tags
}

resource operator 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-operator-${suffix}'
  location: location
  tags: tags
}

output appId string = app.id
output appName string = app.name
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output operatorId string = operator.id
output operatorName string = operator.name
output operatorClientId string = operator.properties.clientId
output operatorPrincipalId string = operator.properties.principalId
