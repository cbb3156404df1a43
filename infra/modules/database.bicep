// Azure SQL Database, reached by identities alone: there is no SQL login, and so no password.
param location string
param tags object
param suffix string
param sku object
param backupDays int
param backupRedundancy string
param zoneRedundant bool
param operatorName string
param operatorPrincipalId string
param workspaceId string

resource server 'Microsoft.Sql/servers@2023-08-01' = {
  name: 'sql-${suffix}'
  location: location
  tags: tags
  properties: {
    minimalTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
    // The operator's jobs migrate the schema and create the users of the app and of the factory
    // (shared/database/mssql/access.py); nobody else may.
    administrators: {
      administratorType: 'ActiveDirectory'
      principalType: 'Application'
      login: operatorName
      sid: operatorPrincipalId
      tenantId: tenant().tenantId
      azureADOnlyAuthentication: true
    }
  }
}

// 0.0.0.0 stands for addresses within Azure: App Service, Data Factory and the jobs have none of their own in this
// deployment. Who gets through still needs a token of an identity that the database knows.
resource fromAzure 'Microsoft.Sql/servers/firewallRules@2023-08-01' = {
  parent: server
  name: 'AllowAllWindowsAzureIps'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
}

resource database 'Microsoft.Sql/servers/databases@2023-08-01' = {
  parent: server
  name: 'catalog'
  location: location
  tags: tags
  sku: sku
  properties: {
    collation: 'SQL_Latin1_General_CP1_CI_AS'
    requestedBackupStorageRedundancy: backupRedundancy
    zoneRedundant: zoneRedundant
  }
}

resource backups 'Microsoft.Sql/servers/databases/backupShortTermRetentionPolicies@2023-08-01' = {
  parent: database
  name: 'default'
  properties: {
    retentionDays: backupDays
  }
}

// Refused log-ins, and changes of who may do what and of the schema; not the queries, which would be most of the bill.
resource auditing 'Microsoft.Sql/servers/auditingSettings@2023-08-01' = {
  parent: server
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    auditActionsAndGroups: [
      'FAILED_DATABASE_AUTHENTICATION_GROUP'
      'DATABASE_PRINCIPAL_CHANGE_GROUP'
      'DATABASE_PERMISSION_CHANGE_GROUP'
      'DATABASE_ROLE_MEMBER_CHANGE_GROUP'
      'SCHEMA_OBJECT_CHANGE_GROUP'
    ]
  }
}

// The server's audit events come out at its master database.
resource master 'Microsoft.Sql/servers/databases@2023-08-01' existing = {
  parent: server
  name: 'master'
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit-to-workspace'
  scope: master
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'SQLSecurityAuditEvents'
        enabled: true
      }
    ]
  }
  dependsOn: [database]
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: database
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'Errors'
        enabled: true
      }
      {
        category: 'Timeouts'
        enabled: true
      }
      {
        category: 'Blocks'
        enabled: true
      }
      {
        category: 'Deadlocks'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Basic'
        enabled: true
      }
    ]
  }
}

output serverHost string = server.properties.fullyQualifiedDomainName
output databaseName string = database.name
