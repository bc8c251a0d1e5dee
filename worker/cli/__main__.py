"""`python -m runhook.worker.cli` is `runhook`."""

from runhook.worker.cli import main

main()
