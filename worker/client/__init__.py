"""runhook for users' code: one set of calls, in process and over HTTP.

`Runhook` (runhook.py) has the calls of job_calls.py and other_calls.py. They turn what users give
into the documents of /v1 and back, and ask a `Transport` (transport.py): in_process.py calls the
flows, over_http.py calls `web`.
"""
