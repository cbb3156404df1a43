// Alerts, the availability test and the budget. docs/operations.md explains each alert and what to do.
param location string
param tags object
param suffix string
param workspaceId string
param applicationInsightsId string
param appUrl string
@description('E-mail address for alerts and the budget. Empty: alerts are only in the portal, and there is no budget.')
param email string
@description('In the billing currency; 0 for no budget.')
param monthlyBudget int
@description('First day of the month in which the budget was created; empty for no budget.')
param budgetStart string

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
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

// Each query returns a row for each problem, and no row without one. Severity: 1 error, 2 warning.
var rules = [
  {
    name: 'server-errors'
    title: 'More than 1 % of the responses are 5xx.'
    query: loadTextContent('../queries/alert_server_errors.kql')
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'slow-replies'
    title: '5 % of an operation\'s responses take longer than 2 s.'
    query: loadTextContent('../queries/alert_slow_replies.kql')
    severity: 2
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'outbox-old'
    title: 'An invalidation has waited for Redis for more than a minute: pages may be stale.'
    query: loadTextContent('../queries/alert_outbox_old.kql')
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'import-failed'
    title: 'An import failed.'
    query: loadTextContent('../queries/alert_import_failed.kql')
    severity: 2
    frequency: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'import-stuck'
    title: 'An import has not ended for more than two hours.'
    query: loadTextContent('../queries/alert_import_stuck.kql')
    severity: 2
    frequency: 'PT30M'
    window: 'P1D'
  }
  {
    name: 'breaker-open'
    title: 'The circuit breaker is open: every read goes to SQL.'
    query: loadTextContent('../queries/alert_breaker_open.kql')
    severity: 2
    frequency: 'PT5M'
    window: 'PT5M'
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${rule.name}-${suffix}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    description: '${rule.title} See docs/operations.md.'
    severity: rule.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: rule.frequency
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
    // A workspace gets a table with its first row: without this, Azure would reject the first deployment.
    skipQueryValidation: true
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}]

// Checks the app and its certificate from outside, which no log of the app can show.
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
    Description: 'The app answers, and its certificate is valid for at least 14 days.'
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
    description: 'From two locations, the app doesn\'t answer or its certificate expires within 14 days. See docs/operations.md.'
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
        actionGroupId: actionGroup.id
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
