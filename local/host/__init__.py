"""A local Azure Functions host: serves a Python function app in one process.

Microsoft's worker runtime (`azure-functions-runtime`) indexes and invokes the app, so decorators, bindings,
`func.AsgiMiddleware`, contexts and return values behave as in Azure. This package reimplements what the .NET host does
around the runtime: routes, blob, queue and timer triggers, receipts, poison queues. Each module names the .NET source
that it follows. It tests the Python side of an app; it is not the .NET host. With Core Tools, `func start` runs the
same app on the .NET host.

Intended differences:

- All triggers but HTTP run in one host process of an app at a time (lease.py). In Azure every instance reads queues;
  only timers and the blob scan run in one.
- Function keys and `authLevel` are not checked, as in Core Tools.
- A request body without Content-Length reaches the app. The .NET host drops it: GrpcMessageConversionExtensions.cs
  passes a body only if `ContentLength > 0`.
- `/`, `/admin` and `/runtime` (home page, host API, webhooks) are not served.
- Blob triggers always poll, whatever their `source` is: there is no Event Grid.
- Timers use UTC.
- The host refuses to start an app with a binding, route constraint or retry policy that it doesn't support.
"""
