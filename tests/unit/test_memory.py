"""What processes share, and what none of them holds twice."""

import os
import subprocess
import sys
import threading

from runhook.config import catalogue
from tests.conftest import SECRET

# The parent has what `celery worker` has; the child does what prefork has each of them do first.
CHILD = """
import gc, os, sys
from celery import platforms, signals
import celery.concurrency.prefork
import runhook.worker.tasks
from billiard.util import get_pdeathsig
signals.worker_before_create_process.send(sender=None)
shared = gc.get_freeze_count() > 10_000
child = os.fork()
if not child:
    platforms.set_pdeathsig("SIGKILL")
    print(shared, get_pdeathsig(), "pycparser" in sys.modules, flush=True)
    os._exit(0)
os.wait()
"""
SEALS = """
import sys
import runhook.worker.tasks, runhook.webhook.app
print("cryptography.fernet" in sys.modules)
from runhook.worker.secrets.sealing import seal, unseal
print(unseal(["new", "old"], seal(["old"], "a word")), unseal(["other"], seal(["old"], "a word")))
"""


def _printed(program: str) -> list[str]:
    """What a program prints in a process of its own."""
    settings = {"RUNHOOK_SECRET": SECRET, "REDIS_URL": "redis://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_a_child_shares_what_was_there_and_ends_with_its_parent_without_a_parser_of_c() -> None:
    assert _printed(CHILD) == ["True 9 False"]


def test_cryptography_is_imported_by_the_first_that_seals_something() -> None:
    assert _printed(SEALS) == ["False", "a word None"]


def test_threads_that_want_the_models_at_once_read_them_once() -> None:
    catalogue._read.cache_clear()
    together, found = threading.Barrier(8), []

    def want() -> None:
        together.wait()
        found.append(catalogue.models())

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(models) for models in found}) == 1
    assert catalogue._read.cache_info().misses == 1
