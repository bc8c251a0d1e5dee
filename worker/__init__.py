"""The worker: jobs, their store, RunningHub's client, and the flows between them."""
