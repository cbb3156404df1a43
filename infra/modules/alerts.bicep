// What wakes somebody up, and who. What each alert means and what to do stands in docs/operations.md.
param location string
param tags object
param suffix string
param workspaceId string
param applicationInsightsId string
param appUrl string
@description('Who is told; nobody where it is empty: then alerts only stand in the portal, and there is no budget.')
param email string
@description('In the currency of the subscription\'s bill; 0 for none.')
param monthlyBudget int
@description('First day of the month in which the budget was made; empty for none.')
param budgetStart string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'people-${suffix}'
  // Action groups have no region.
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'catalog'
    enabled: true
    emailReceivers: empty(email) ? [] : [
      {
        name: 'operations'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

// Each query gives a row for what is wrong, and none where all is well. Severity: 1 error, 2 warning.
var rules = [
  {
    name: 'server-errors'
    says: 'More than 1 % of the replies are 5xx.'
    query: loadTextContent('../queries/alert_server_errors.kql')
    severity: 1
    every: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'slow-replies'
    says: '95 % of an operation\'s replies take longer than 2 s.'
    query: loadTextContent('../queries/alert_slow_replies.kql')
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'outbox-old'
    says: 'An invalidation has waited for Redis longer than a minute: pages may be stale.'
    query: loadTextContent('../queries/alert_outbox_old.kql')
    severity: 1
    every: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'import-failed'
    says: 'An import failed.'
    query: loadTextContent('../queries/alert_import_failed.kql')
    severity: 2
    every: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'import-stuck'
    says: 'An import has been under way for more than two hours.'
    query: loadTextContent('../queries/alert_import_stuck.kql')
    severity: 2
    every: 'PT30M'
    window: 'P1D'
  }
  {
    name: 'breaker-open'
    says: 'Redis is left alone: every read goes to SQL.'
    query: loadTextContent('../queries/alert_breaker_open.kql')
    severity: 2
    every: 'PT5M'
    window: 'PT5M'
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${rule.name}-${suffix}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.says
    description: '${rule.says} See docs/operations.md.'
    severity: rule.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: rule.every
    windowSize: rule.window
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    // A workspace has a table only once something was written into it: the first deployment would be refused for that.
    skipQueryValidation: true
    actions: {
      actionGroups: [
        people.id
      ]
    }
  }
}]

// Asked from outside, the certificate included: what no log of the app can tell.
resource availability 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'live-${suffix}'
  location: location
  // Application Insights finds its tests by this tag.
  tags: union(tags, {
    'hidden-link:${applicationInsightsId}': 'Resource'
  })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'live-${suffix}'
    Name: 'live-${suffix}'
    Description: 'The app answers, and its certificate is valid for two weeks more.'
    Enabled: true
    Kind: 'standard'
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [
      {
        Id: 'emea-nl-ams-azr'
      }
      {
        Id: 'emea-gb-db3-azr'
      }
      {
        Id: 'us-va-ash-azr'
      }
    ]
    Request: {
      RequestUrl: '${appUrl}/api/health/live'
      HttpVerb: 'GET'
      ParseDependentRequests: false
      FollowRedirects: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 14
    }
  }
}

resource unavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'unavailable-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Seen from two places, the app doesn\'t answer or its certificate ends within two weeks. See docs/operations.md.'
    severity: 1
    enabled: true
    scopes: [
      availability.id
      applicationInsightsId
    ]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: availability.id
      componentId: applicationInsightsId
      failedLocationCount: 2
    }
    actions: [
      {
        actionGroupId: people.id
      }
    ]
  }
}

resource budget 'Microsoft.Consumption/budgets@2023-11-01' = if (monthlyBudget > 0 && !empty(email) && !empty(budgetStart)) {
  name: 'budget-${suffix}'
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: budgetStart
    }
    notifications: {
      spent80Percent: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: [
          email
        ]
      }
      willSpendAll: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: [
          email
        ]
      }
    }
  }
}
