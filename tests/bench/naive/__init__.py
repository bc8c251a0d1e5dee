"""The naive service: what a good engineer writes in an afternoon, with Celery as it comes."""
