// Azure Managed Redis, reached by the app's identity alone: access keys are off.
param location string
param tags object
param suffix string
param skuName string
param highAvailability bool
param appPrincipalId string
param workspaceId string

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: 'redis-${suffix}'
  location: location
  tags: tags
  sku: {
    name: skuName
  }
  properties: {
    highAvailability: highAvailability ? 'Enabled' : 'Disabled'
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    clientProtocol: 'Encrypted'
    port: 10000
    // One endpoint, and MGET over any keys: the default, OSSCluster, answers a plain client with MOVED.
    clusteringPolicy: 'EnterpriseCluster'
    // What has no time to live is never evicted; a page has one.
    evictionPolicy: 'VolatileLRU'
    accessKeysAuthentication: 'Disabled'
    // No persistence: it is a cache, and a snapshot of it would be stale.
  }
}

// The only access policy there is: all commands, on this database.
resource appUses 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = {
  parent: database
  name: 'app'
  properties: {
    accessPolicyName: 'default'
    user: {
      objectId: appPrincipalId
    }
  }
}

resource metrics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: cluster
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

output host string = cluster.properties.hostName
