// Two identities: the app's, and the operator's, with which a deployment's jobs run (infra/job.bicep). Only the
// operator's may change the database's schema.
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
