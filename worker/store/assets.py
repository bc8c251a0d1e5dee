"""Assets: what is known of each kept file, and what RunningHub calls it while it lives there."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter

from runhook.worker.catalogue import Asset
from runhook.worker.domain.reports import App, Uploaded
from runhook.worker.errors import NotFound, StorageUnavailable, UnreadableRecord
from runhook.worker.store import keys, records
from runhook.worker.store.connection import reaching
from runhook.worker.store.records import Kind, Members
from runhook.worker.store.scripts import Scripts, milliseconds

UPLOAD_LIVES = 20 * 3600  # seconds of a day that an upload is used again; the rest is for its task
APP_LIVES = 600  # seconds an app's fields are believed: its author may change them
LEGACY_LIVES = 86400  # seconds until the V2 path is tried again
# Scores up to here are seconds, as the release before wrote them: in ms it is the year 1973.
SECONDS_END = 10**11
HELD = 90  # seconds after which a sender that died holds nobody up any more
AT_ONCE = 500  # records in one answer: some 200 KiB
BEAT = 10.0  # seconds between its signs of life
LEAVES_MS = 300_000  # ms that removing a file may take: two questions that S3 gives up after 75 s
UPLOADED, APP = TypeAdapter(Uploaded), TypeAdapter(App)
KEPT = TypeAdapter(Asset)
Value = TypeVar("Value")


class Assets:
    """Every asset's record, by its id; and short-lived answers of RunningHub about files and apps.

    Args:
        account: Tells accounts apart, for RunningHub shares no file between them.
    """

    def __init__(self, scripts: Scripts, account: str) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._account = account

    def take_up(self, asset_id: str) -> None:
        """Count a file as used, if it is here, before it is looked for in the storage.

        Raises:
            StorageUnavailable: It is being removed at this moment.
        """
        with reaching():
            pipe = self._redis.pipeline()
            pipe.zadd(keys.assets(), {asset_id: self._now()}, xx=True)
            pipe.exists(keys.leaving(asset_id))
            leaving = pipe.execute()[1]
        if leaving:
            why = "this very file is being removed, for nobody used it since RUNHOOK_RETENTION_DAYS"
            raise StorageUnavailable(f"{why}; send it again in some minutes")

    def put(self, asset: Asset) -> Asset:
        """Remember a kept file, and return it as whoever kept it first named it.

        Raises:
            UnreadableRecord: It is kept already, in a way that is not for this version.
        """
        with reaching():
            found = self._redis.hmget(keys.asset_records(), [asset.id])[0]
        members: Members = KEPT.dump_python(asset, mode="json")
        # The same file again: what a newer version wrote of it stays.
        if found:
            known, held = _asset(asset.id, found)
            asset = replace(known, media=asset.media)
            members = KEPT.dump_python(asset, mode="json")
            members = records.merged(held, KEPT.dump_python(known, mode="json"), members)
        with reaching():
            pipe = self._redis.pipeline()
            pipe.hset(keys.asset_records(), asset.id, records.packed("asset", members))
            pipe.zadd(keys.assets(), {asset.id: self._now()})
            pipe.execute()
        return asset

    def many(self, ids: Sequence[str]) -> dict[str, Asset]:
        """Those that are here; each is used now.

        Raises:
            UnreadableRecord: One of them is not for this version.
        """
        if not ids:
            return {}
        with reaching():
            pipe = self._redis.pipeline()
            pipe.hmget(keys.asset_records(), ids)
            pipe.zadd(keys.assets(), {name: self._now() for name in ids}, xx=True)
            packed = pipe.execute()[0]
        found = zip(ids, packed, strict=True)
        return {asset_id: _asset(asset_id, row)[0] for asset_id, row in found if row}

    def used(self, ids: Sequence[str]) -> None:
        """Count those that are here as used now."""
        if ids:
            with reaching():
                self._redis.zadd(keys.assets(), {name: self._now() for name in ids}, xx=True)

    def unreadable(self) -> list[UnreadableRecord]:
        """Those that cannot be read here, and why."""
        found = []
        with reaching():
            # In pieces: there may be as many files as jobs.
            for asset_id, row in self._redis.hscan_iter(keys.asset_records(), count=AT_ONCE):
                try:
                    _asset(asset_id.decode(), row)
                except UnreadableRecord as unreadable:
                    found.append(unreadable)
        return found

    def get(self, asset_id: str) -> Asset:
        """One asset.

        Raises:
            NotFound: It is not kept here, or no more.
        """
        found = self.many([asset_id]).get(asset_id)
        if found is None:
            raise NotFound(f"asset {asset_id}")
        return found

    def unused_since(self, before: datetime, most: int) -> list[tuple[str, float]]:
        """Assets that nobody used since, and when each was used last, as it is scored."""
        key, moment = keys.assets(), milliseconds(before)
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for low, high in (("-inf", moment / 1000), (f"({SECONDS_END}", moment)):
                pipe.zrangebyscore(key, low, high, start=0, num=most, withscores=True)
            old, new = pipe.execute()
        return [(name.decode(), score) for name, score in (*old, *new)][:most]

    def let_go(self, asset_id: str, used: float) -> bool:
        """Have nobody count on a file that is to be removed.

        Its name stays in the list: where its removal breaks off, it is let go and removed again.

        Args:
            asset_id: Which.
            used: When it was used last, as `unused_since` has it.

        Returns:
            Whether it may be removed; not if it was used since, or somebody else removes it now.
        """
        return self._scripts.words("let_go_asset", asset_id, repr(used), LEAVES_MS) == ["done"]

    def forget(self, asset_id: str) -> None:
        """Its file is gone."""
        with reaching():
            pipe = self._redis.pipeline()
            pipe.hdel(keys.asset_records(), asset_id)
            pipe.zrem(keys.assets(), asset_id)
            pipe.delete(keys.leaving(asset_id))
            pipe.execute()

    def uploaded(self, asset_id: str, way: str) -> Uploaded | None:
        """What RunningHub calls it, if it was sent there lately."""
        with reaching():
            found = self._redis.get(keys.upload(self._account, asset_id, way))
        return _lately("upload", UPLOADED, found)

    def was_uploaded(self, asset_id: str, way: str, uploaded: Uploaded) -> None:
        """RunningHub has it."""
        key = keys.upload(self._account, asset_id, way)
        with reaching():
            self._redis.set(key, _packed("upload", UPLOADED, uploaded), ex=UPLOAD_LIVES)

    @contextmanager
    def uploading(self, asset_id: str, way: str) -> Iterator[Callable[[], None] | None]:
        """A sign of life to give while it is sent there; None while somebody else sends it."""
        key, token = keys.uploading(self._account, asset_id, way), uuid.uuid4().bytes
        with reaching():
            mine = self._redis.set(key, token, ex=HELD, nx=True)
        if not mine:
            yield None
            return
        beaten = time.monotonic()

        def beat() -> None:
            nonlocal beaten
            if time.monotonic() - beaten > BEAT:
                beaten = time.monotonic()
                with reaching():
                    self._redis.set(key, token, ex=HELD)

        try:
            yield beat
        finally:
            with reaching():
                # Whoever took over when this one counted as dead keeps its own.
                if self._redis.get(key) == token:
                    self._redis.delete(key)

    def app(self, webapp_id: str) -> App | None:
        """An app's fields, if they were asked for lately."""
        with reaching():
            found = self._redis.get(keys.app(self._account, webapp_id))
        return _lately("app", APP, found)

    def app_is(self, webapp_id: str, app: App) -> None:
        """Remember an app's fields for a while."""
        with reaching():
            self._redis.set(
                keys.app(self._account, webapp_id), _packed("app", APP, app), ex=APP_LIVES
            )

    def let_apps_go_legacy(self) -> None:
        """RunningHub does not take this key's apps on the V2 path; asked again after a day."""
        with reaching():
            self._redis.set(keys.legacy_apps(self._account), b"1", ex=LEGACY_LIVES)

    def apps_go_legacy(self) -> bool:
        """Whether it said so lately."""
        with reaching():
            return self._redis.get(keys.legacy_apps(self._account)) is not None

    def _now(self) -> int:
        return milliseconds(self._scripts.clock.now())


def _asset(asset_id: str, row: bytes) -> tuple[Asset, Members]:
    name = f"asset {asset_id}"
    held = records.opened("asset", name, row)
    return records.made(name, held, lambda: KEPT.validate_python(held)), held


def _packed(kind: Kind, adapter: TypeAdapter[Value], value: Value) -> bytes:
    return records.packed(kind, adapter.dump_python(value, mode="json"))


def _lately(kind: Kind, adapter: TypeAdapter[Value], row: bytes | None) -> Value | None:
    """What was asked for lately; what cannot be read here is asked for anew."""
    if row is None:
        return None
    try:
        held = records.opened(kind, kind, row)
        return records.made(kind, held, lambda: adapter.validate_python(held))
    except UnreadableRecord:
        return None
