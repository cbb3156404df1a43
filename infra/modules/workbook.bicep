// The workbook of the catalog. Its queries are in infra/queries.
param location string
param tags object
param suffix string
param workspaceId string

var parts = [
  {
    name: 'response-times'
    title: 'Response times by operation, cache hits and misses separately (95th percentile, ms)'
    query: loadTextContent('../queries/response_times.kql')
    visualization: 'timechart'
  }
  {
    name: 'hit-rate'
    title: 'Cache hit rate (%)'
    query: loadTextContent('../queries/hit_rate.kql')
    visualization: 'timechart'
  }
  {
    name: 'errors'
    title: 'Error responses'
    query: loadTextContent('../queries/errors.kql')
    visualization: 'table'
  }
  {
    name: 'slowest-requests'
    title: 'Slowest requests, with their dependencies'
    query: loadTextContent('../queries/slowest_requests.kql')
    visualization: 'table'
  }
  {
    name: 'outbox'
    title: 'Outbox: number of waiting invalidations, and age of the oldest (s)'
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
    name: 'import-timeline'
    title: 'Timeline of one import: blob event, Data Factory run, merge, invalidation'
    query: loadTextContent('../queries/import_timeline.kql')
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
