// Tells the app of each new upload. A file of its own: it needs a key that the app's host makes when the app first runs,
// and Event Grid asks the app to confirm the subscription. infra/publish.sh deploys it after the app.
param functionAppName string
param eventTopicName string
param importsAccountName string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource importsAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: importsAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: eventTopicName
}

// The key goes from the host to Event Grid within Azure: nobody sees it.
var blobKey = listKeys('${app.id}/host/default', '2024-04-01').systemKeys.blobs_extension

resource uploads 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'uploads'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.start_import&code=${blobKey}'
        minimumTlsVersionAllowed: '1.2'
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/imports/blobs/'
      // Another name is left alone by the app too, whose rule this is.
      subjectEndsWith: '.csv'
      isSubjectCaseSensitive: false
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: importsAccount.id
          blobContainerName: 'imports-deadletter'
        }
      }
    }
  }
}
