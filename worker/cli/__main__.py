"""`python -m worker.cli` is `runhook`."""

from worker.cli import main

main()
