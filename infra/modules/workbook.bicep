// The picture of how it goes, in Application Insights' Workbooks. Its queries are files of their own (infra/queries).
param location string
param tags object
param suffix string
param workspaceId string

var parts = [
  {
    name: 'response-times'
    title: 'Response times by operation, hits and misses apart (95 % were faster)'
    query: loadTextContent('../queries/response_times.kql')
    visualization: 'timechart'
  }
  {
    name: 'hit-rate'
    title: 'Answered from the cache'
    query: loadTextContent('../queries/hit_rate.kql')
    visualization: 'timechart'
  }
  {
    name: 'errors'
    title: 'Replies that are errors'
    query: loadTextContent('../queries/errors.kql')
    visualization: 'table'
  }
  {
    name: 'slowest-requests'
    title: 'The slowest requests, and what they did'
    query: loadTextContent('../queries/slowest_requests.kql')
    visualization: 'table'
  }
  {
    name: 'outbox'
    title: 'Invalidations that wait for Redis: how many, and for how long (s)'
    query: loadTextContent('../queries/outbox.kql')
    visualization: 'timechart'
  }
  {
    name: 'imports'
    title: 'Imports'
    query: loadTextContent('../queries/imports.kql')
    visualization: 'table'
  }
  {
    name: 'import-story'
    title: 'One import\'s story: from the blob\'s event over the factory\'s run to the merge and the invalidation'
    query: loadTextContent('../queries/import_story.kql')
    visualization: 'table'
  }
]

var head = [
  {
    type: 9
    name: 'parameters'
    content: {
      version: 'KqlParameterItem/1.0'
      parameters: [
        {
          version: 'KqlParameterItem/1.0'
          name: 'TimeRange'
          label: 'Time'
          type: 4
          isRequired: true
          value: {
            durationMs: 86400000
          }
          typeSettings: {
            selectableValues: [
              {
                durationMs: 3600000
              }
              {
                durationMs: 86400000
              }
              {
                durationMs: 604800000
              }
              {
                durationMs: 2592000000
              }
            ]
          }
        }
        {
          version: 'KqlParameterItem/1.0'
          name: 'ImportId'
          label: 'Import (import_id)'
          type: 1
          value: ''
        }
      ]
      style: 'pills'
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
    }
  }
]

var charts = [for part in parts: {
  type: 3
  name: part.name
  content: {
    version: 'KqlItem/1.0'
    title: part.title
    query: part.query
    size: 0
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    crossComponentResources: [
      workspaceId
    ]
    timeContextFromParameter: 'TimeRange'
    visualization: part.visualization
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // A workbook's name is a GUID.
  name: guid('product-catalog', suffix)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Product catalog'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat(head, charts)
      fallbackResourceIds: [
        workspaceId
      ]
    })
  }
}

output workbookId string = workbook.id
