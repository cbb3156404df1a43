"""A stand-in for the Azure Functions host: serves a Python function app on one machine, in one process.

The app is indexed and invoked by Microsoft's own worker runtime (`azure-functions-runtime`), so decorators, bindings,
`func.AsgiMiddleware`, contexts and return values behave as in Azure. What the .NET host does around it (routes, blob,
queue and timer triggers, receipts, poison queues) is written anew here after its source, which each module names. So
it proves the Python side of an app; it is not the .NET host. Where Core Tools are installed, `func start` runs the
same files on that.

What is different on purpose:

- All triggers but HTTP run in one of an app's host processes at a time (see lease.py); in Azure only timers and the
  blob scan do, while queues are read by every instance.
- Function keys and `authLevel` aren't checked, as in Core Tools.
- A request body without Content-Length reaches the app. The .NET host drops it (GrpcMessageConversionExtensions.cs
  passes a body only where `ContentLength > 0`).
- `/`, `/admin` and `/runtime` (home page, host API, webhooks) aren't served; a blob trigger is always polled,
  whatever its `source` says: there is no Event Grid here.
- Timers count in UTC.
- A binding, a route constraint or a retry policy that isn't known here is refused by name at the start.
"""
