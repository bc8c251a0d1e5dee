"""What must be so before a paid request may leave: files are there, the app is known, the price is
within its limit. Nothing here is paid, and all of it may be done twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from runhook.worker import catalogue
from runhook.worker.catalogue import COMFY_KINDS, OLD_UPLOAD, Asset
from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.nested import replaced
from runhook.worker.domain.outputs import OutputName, output_name
from runhook.worker.domain.provider import Submit
from runhook.worker.domain.reports import App, Busy, Error, NeverLeft, Output, Refused, Uploaded
from runhook.worker.errors import (
    NotFound,
    ProviderRefused,
    ProviderSilent,
    StorageUnavailable,
    UnreadableRecord,
)
from runhook.worker.flows.steps import price_now
from runhook.worker.flows.steps.archiving import archive_gap, open_output, still_comes
from runhook.worker.flows.steps.refusals import unsent
from runhook.worker.secrets.sealing import unseal
from runhook.worker.wiring import Wiring

LONGEST_ID = 32  # hexadecimal digits of a file's SHA-256, which name it among uploads
TOO_MANY_REQUESTS = "429"  # HTTP's own word, for an answer that only asks to slow down

Obstacle = Refused | NeverLeft | Busy


class Unready(Exception):
    """It cannot be sent now, or ever; `why` is the answer in a submit's words."""

    def __init__(self, why: Obstacle) -> None:
        self.why = why
        super().__init__(str(why))


def request_of(w: Wiring, job: Job) -> Submit:
    """The paid request of a job's current attempt, with everything it needs in place.

    Raises:
        Unready: It may not leave. Nothing was paid.
        UnreadableRecord: Its model is not known here.
    """
    of_a_known_model(job)
    options = _options(w, job)
    try:
        app = _app(w, job)
        given = _with_files_sent(w, job)
        too_dear = price_now.refusal(w, job, given)
    # In this order, for a refusal is a kind of silence: it was answered, and is judged by its code.
    except ProviderRefused as refused:
        raise Unready(_refused(w, str(refused), refused.code)) from refused
    except ProviderSilent as silent:
        raise Unready(_unanswered(w, silent)) from silent
    except StorageUnavailable as away:
        raise Unready(NeverLeft(why=f"{away}.", counted=True)) from away
    except NotFound as gone:
        raise Unready(unsent("asset", str(gone), "Upload it again.")) from gone
    if too_dear:
        raise Unready(too_dear)
    kind = w.client.capabilities.kind(job.spec.kind)
    return Submit(
        model=job.current_model,
        given=given,
        options=options,
        webhook_url=w.callback_url(job.id, job.attempt.n) if kind.calls_back else None,
        legacy=job.attempt.legacy,
        fields={field.key: field for field in app.fields} if app else {},
    )


def of_a_known_model(job: Job) -> None:
    """Look that a newer process has not put a model into the queue that this version does not have.

    Raises:
        UnreadableRecord: It has, and only that process can send it.
    """
    if job.spec.kind in COMFY_KINDS:
        return
    try:
        catalogue.find(job.current_model)
    except NotFound:
        why = f"its model {job.current_model} is not in this version's catalogue"
        raise UnreadableRecord(f"job {job.id}", why, newer=True) from None


def app_of(w: Wiring, webapp_id: str) -> App:
    """An app's fields, as RunningHub told them in the last minutes.

    Raises:
        ProviderRefused: There is no such app, or the key may not see it.
        ProviderSilent: No usable answer.
    """
    app = w.store.assets.app(webapp_id)
    if app is None:
        app = w.client.app(webapp_id)
        w.store.assets.app_is(webapp_id, app)
    return app


def _app(w: Wiring, job: Job) -> App | None:
    """The app of a job whose submit names every node it sets."""
    if not w.client.capabilities.kind(job.spec.kind).names_fields:
        return None
    return app_of(w, job.spec.model.split("/")[1])


def _options(w: Wiring, job: Job) -> dict[str, Any]:
    options = {
        key: value for key, value in job.spec.options.items() if key not in catalogue.EVERY_JOB
    }
    if sealed := options.get("accessPassword"):
        # Opened only now, on its way out, so that Redis never has it in the clear.
        password = unseal(w.settings.secrets, sealed)
        if password is None:
            why = "its access password was sealed with a secret that is gone"
            raise Unready(unsent("access_password", why, "Ask for the job again."))
        options["accessPassword"] = password
    return options


def _with_files_sent(w: Wiring, job: Job) -> dict[str, Any]:
    """The input as RunningHub takes it; a model's texts stay as they are."""
    params = () if job.spec.kind in COMFY_KINDS else catalogue.find(job.current_model).params
    texts = {param.name for param in params if param.type not in catalogue.FILES}
    return {
        name: value if name in texts else _sent(w, job, value)
        for name, value in job.current_input.items()
    }


def _sent(w: Wiring, job: Job, value: Any) -> Any:
    """A value as RunningHub takes it: files become what it calls them, however deep they are."""
    return replaced(value, partial(_text_sent, w, job))


def _text_sent(w: Wiring, job: Job, value: str) -> str:
    if (name := output_name(value)) and name.job:
        return _output_sent(w, job, name)
    asset = catalogue.ASSET.fullmatch(catalogue.asset_of(value))
    if asset is None:
        return value
    comfy = job.spec.kind in COMFY_KINDS
    kind = w.client.capabilities.kind(job.spec.kind)
    old = comfy and (kind.old_uploads or value.endswith(OLD_UPLOAD))
    return _named(uploaded(w, asset[1], old=old), comfy=comfy)


def _named(sent: Uploaded, *, comfy: bool) -> str:
    """How an input names a file that RunningHub has: nodes by its name, models by its URL."""
    if comfy:
        return sent.file_name
    if sent.url is None:
        raise ProviderSilent("RunningHub took the file and named no URL for it")
    return sent.url


def _output_sent(w: Wiring, job: Job, name: OutputName) -> str:
    """Another job's output as RunningHub takes it: its own file while that lives, else our copy.

    Raises:
        Unready: It is gone, or not kept yet.
        ProviderRefused, ProviderSilent, StorageUnavailable: As `uploaded` has them.
    """
    try:
        above = w.store.jobs.get(name.job)
    except NotFound:
        raise Unready(_gone(name, "that job is not kept any more")) from None
    comfy, outputs = job.spec.kind in COMFY_KINDS, above.attempt.outputs
    if name.n >= len(outputs):
        raise Unready(_gone(name, f"it has {len(outputs)} now"))
    output = outputs[name.n]
    if output.url is None and comfy:
        return output.text or ""  # a node's value may be a text
    if output.url is None:
        raise Unready(_gone(name, "it is a text and no file"))
    if not comfy and lives_on(w, output):
        return output.url
    kind = w.client.capabilities.kind(job.spec.kind)
    return _named(_copy_sent(w, above, name, old=comfy and kind.old_uploads), comfy=comfy)


def lives_on(w: Wiring, output: Output) -> bool:
    """Whether RunningHub will surely find an output of its own, whenever it begins."""
    if output.expires_at is None:
        return True
    return (output.expires_at - w.clock.now()).total_seconds() > policy.OUTPUT_LIVES


def _copy_sent(w: Wiring, above: Job, name: OutputName, *, old: bool) -> Uploaded:
    """What RunningHub calls our own copy of an output; sent there once while it lives there.

    Raises:
        Unready: There is none, or not yet.
    """
    output = above.attempt.outputs[name.n]
    if output.archived is None:
        if still_comes(w, above.attempt, name.n):
            why = f"output {name.n} of {above.id} is still to be kept here."
            # No trouble of this job: the archive keeps it in the end, or says that it is lost.
            raise Unready(NeverLeft(why=why, again_in=archive_gap(w, above.attempt)))
        raise Unready(_gone(name, output.lost or "no copy of it was kept"))
    kept = output.archived

    def send(beat: Callable[[], None]) -> Uploaded:
        _within_old_upload(w, f"output {name.n} of {above.id}", kept.size, old=old)
        try:
            opened = open_output(w, above, name.n)
        except NotFound:
            raise Unready(_gone(name, "our copy of it was removed")) from None
        with opened.file as file:
            return w.client.upload(kept.name, _Beating(file, beat), kept.size, old=old)

    return _sent_once(w, kept.sha256[:LONGEST_ID], old, send)


def _gone(name: OutputName, why: str) -> Refused:
    text = f"output {name.n} of {name.job} cannot be had: {why}"
    return unsent("input_gone", text, "Ask for that job again, and for this one behind it.")


def uploaded(w: Wiring, asset_id: str, *, old: bool) -> Uploaded:
    """What RunningHub calls an asset; sent there once while it lives there.

    Raises:
        Unready: It is too large for the old upload, or another job is sending it now.
        NotFound: It is not kept here any more.
        ProviderRefused: RunningHub does not take the file.
        ProviderSilent: No usable answer.
        StorageUnavailable: It cannot be read.
    """
    return _sent_once(w, asset_id, old, lambda beat: _upload(w, asset_id, old, beat))


def _sent_once(
    w: Wiring, content: str, old: bool, send: Callable[[Callable[[], None]], Uploaded]
) -> Uploaded:
    """What RunningHub calls a file; sent there once while it lives there.

    Args:
        w: The process's parts.
        content: What names its content among all.
        old: By the older upload.
        send: Sends it, giving a sign of life now and then.

    Raises:
        Unready: Another job is sending it now.
    """
    way = "old" if old else "new"
    if found := w.store.assets.uploaded(content, way):
        return found
    with w.store.assets.uploading(content, way) as beat:
        if beat is None:
            # Waiting here would hold a place that jobs with other files could use.
            busy = "another job is sending the same file."
            raise Unready(NeverLeft(why=busy, again_in=policy.SENT_BY_ANOTHER_LOOK))
        # Looked up again: another job may have sent it between the first look and the lock.
        found = w.store.assets.uploaded(content, way) or send(beat)
        w.store.assets.was_uploaded(content, way, found)
        return found


@dataclass
class _Beating:
    """A file that gives a sign of life while it is read."""

    file: IO[bytes]
    beat: Callable[[], None]

    def read(self, size: int = -1) -> bytes:
        self.beat()
        try:
            return self.file.read(size)
        except Exception as error:  # each place has errors of its own, OSError among them
            raise StorageUnavailable(f"the file cannot be read: {error}") from error


def _upload(w: Wiring, asset_id: str, old: bool, beat: Callable[[], None]) -> Uploaded:
    asset: Asset = w.store.assets.get(asset_id)
    # By its record, before it is opened: no byte is uploaded in vain.
    _within_old_upload(w, f"asset {asset_id}", asset.media.size, old=old)
    with w.storage.open(asset_id) as file:
        name = f"{asset_id}.{asset.media.ext}"
        return w.client.upload(name, _Beating(file, beat), asset.media.size, old=old)


def _within_old_upload(w: Wiring, what: str, size: int, *, old: bool) -> None:
    """Raises Unready where the older upload does not take a file of so many bytes."""
    largest = w.client.capabilities.largest_old_upload
    if old and size > largest:
        limit = f"{largest // 2**20} MB"
        why = f"{what} has {size} bytes, the old upload takes {limit}"
        raise Unready(unsent("asset", why, "Send a smaller file."))


def _unanswered(w: Wiring, silent: ProviderSilent) -> Obstacle:
    """No usable answer to what this job needs: its own trouble, if RunningHub answers otherwise."""
    if silent.busy:
        return Busy(code=TOO_MANY_REQUESTS, message=str(silent))
    own = silent.there or why_not_there(w) is None
    return NeverLeft(why=f"{silent}.", counted=own)


def why_not_there(w: Wiring) -> str | None:
    """Why RunningHub seems to be away. None when it is there: any answer below 500 proves that.

    One question that is out of order for good would stop the queue, so there are several.
    """
    why = None
    for ask in w.client.signs_of_life():
        try:
            ask()
        except ProviderSilent as silent:
            if silent.there:
                return None
            why = str(silent)
        else:
            return None
    return why


def _refused(w: Wiring, why: str, code: str) -> Obstacle:
    """A code in answer to a free question of the preparation."""
    row = w.client.explain(code)
    if row.again == "later":
        return Busy(code=code, message=why, own_machines=row.own_machines)
    # Trouble that passes by itself, as an upload that failed there: tried again, but counted.
    if row.passing:
        return NeverLeft(why=why, counted=True, code=code)
    return Refused(
        Error(
            code="rejected",
            message=f"{why} Nothing was sent, nothing was paid.",
            provider_code=code,
        ),
        sent=False,
    )
