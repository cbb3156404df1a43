// Azure Managed Redis. Only the app's identity has access; access keys are disabled.
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
    // One endpoint, and MGET of any keys. With the default, OSSCluster, a client without cluster support gets MOVED.
    clusteringPolicy: 'EnterpriseCluster'
    // Evicts the least recently used keys that have a time to live. All keys of the app have one.
    evictionPolicy: 'VolatileLRU'
    accessKeysAuthentication: 'Disabled'
    // No persistence: a snapshot of the cache would be stale.
  }
}

// The only access policy that exists: all commands on this database.
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
