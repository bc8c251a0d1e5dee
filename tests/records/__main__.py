"""Write a golden sample of every kind of record as this version leaves them in Redis.

    python -m tests.records v2

Samples are never made anew: each is what processes of that time really wrote, and every later
version must go on with it (`test_samples.py`).
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis
from werkzeug.serving import make_server

from runhook.config.settings import Settings
from runhook.webhook.app import create_app
from runhook.worker.domain.handlers import Registry
from runhook.worker.runninghub.sandbox.faults import Faults
from runhook.worker.runninghub.sandbox.server import create_app as create_sandbox
from runhook.worker.runninghub.sandbox.server import serve
from runhook.worker.store import SetClock
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import assemble
from tests.conftest import SECRET, START, House, Sandbox
from tests.records import keys
from tests.records.scenes import play

HERE = Path(__file__).parent


@contextmanager
def a_house() -> Iterator[House]:
    """A house with a server of its own."""
    with TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), Path(folder) / "s")
        server.start()
        sandbox = serve(create_sandbox(Faults(), limit=50, pace=0.0), "127.0.0.1", 0)
        web = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        values: dict[str, Any] = {
            "REDIS_URL": server.url,
            "RUNNINGHUB_API_KEY": "key",
            "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{sandbox.server_port}",
            "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{web.server_port}",
            "RUNHOOK_SECRET": SECRET,
            "RUNHOOK_CONCURRENCY": 10,
            "RUNHOOK_ALLOW_PRIVATE_URLS": "true",
            "RUNHOOK_RETRY_SCHEDULE": "0",
            "RUNHOOK_DATA_DIR": folder,
        }
        settings, clock = Settings.load("worker", **values), SetClock(START)
        w = assemble(settings, clock=clock, handlers=Registry())
        web.app = create_app(w)
        for one in (sandbox, web):
            threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True).start()
        raw = redis.Redis(unix_socket_path=str(server.socket))
        url = f"http://127.0.0.1:{web.server_port}"
        yield House(w, clock, Sandbox(values["RUNNINGHUB_BASE_URL"]), raw, url)
        for one in (web, sandbox):
            one.shutdown()
        server.stop()


if __name__ == "__main__":
    where = HERE / f"{sys.argv[1]}.json"
    if where.exists():
        sys.exit(f"{where.name} is there already, and stays as it is")
    with a_house() as house:
        shown = play(house)
        sample = {"shown": shown, "keys": keys.dumped(house.raw)}
        where.write_text(json.dumps(sample, indent=1, sort_keys=True) + "\n")
