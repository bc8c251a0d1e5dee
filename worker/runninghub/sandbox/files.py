"""The sandbox's files: both uploads, LoRA files, and giving out what was made or uploaded."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Response, request, send_file, stream_with_context

from runhook.worker.runninghub.sandbox.answers import (
    asked,
    bearer,
    hang_up,
    key_of,
    legacy,
    own_url,
)
from runhook.worker.runninghub.sandbox.faults import OF_OUTPUTS, OF_UPLOADS, Faults
from runhook.worker.runninghub.sandbox.garbling import page
from runhook.worker.runninghub.sandbox.keys import NO_KEY
from runhook.worker.runninghub.sandbox.tasks import Office

LARGEST_OLD = 30 * 1024 * 1024  # bytes that Upload Resource (api-276642711) takes
# Browsers show a file only under its own type.
KINDS = {
    "png": "image/png",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "glb": "model/gltf-binary",
    "txt": "text/plain",
}
CHUNK = 1024 * 1024  # bytes read at a time; a LoRA file may have gigabytes


class Files:
    """Views over one office's files."""

    def __init__(self, faults: Faults, office: Office) -> None:
        self._faults = faults
        self._office = office

    def upload(self) -> Any:
        """File upload (new)."""
        file = request.files.get("file")
        if not bearer() or file is None:
            return NO_KEY
        refusal = self._refusal(str(file.filename))
        if refusal is not None:
            return refusal
        name = self._office.keep(file.filename, file.save)
        return {
            "code": 0,
            "message": "success",
            "data": {
                "type": (file.mimetype or "image/png").partition("/")[0],
                "download_url": f"{own_url()}/view/{name}",
                "fileName": f"openapi/{name}",
                "size": str(self._office.uploads[name].stat().st_size),
            },
        }

    def old_upload(self) -> Any:
        """Upload Resource (old)."""
        file = request.files.get("file")
        if file is None or not (request.form.get("apiKey") or bearer()):
            return legacy(301, "PARAMS_INVALID")
        refusal = self._refusal(str(file.filename))
        if refusal is not None:
            return refusal
        name = self._office.keep(file.filename, file.save)
        if self._office.uploads[name].stat().st_size > LARGEST_OLD:
            self._office.uploads.pop(name).unlink()
            return legacy(809, "APIKEY_FILE_SIZE_EXCEEDED")
        return legacy(0, "success", {"fileName": f"api/{name}", "fileType": "input"})

    def _refusal(self, filename: str) -> Any:
        chosen = self._faults.choose(f"upload {filename}", filename, OF_UPLOADS)
        if "upload_reset" in chosen:
            return hang_up()
        if "upload_too_large" in chosen:
            return page(413, "Request Entity Too Large")
        if "upload_outage" in chosen:
            return page(503, "Service Unavailable")
        if "upload_refused" in chosen:
            code, why = int(chosen.value("upload_refused", 809)), "the sandbox was asked to refuse"
            return legacy(code, why) | {"message": why}
        return None

    def lora_url(self) -> Any:
        """Upload Lora: where to put it."""
        body = asked()
        md5 = str(body.get("md5Hex", ""))
        if not key_of(body):
            return legacy(802, "APIKEY_UNAUTHORIZED")
        if len(md5) != 32 or not body.get("loraName"):
            return legacy(301, "PARAMS_INVALID")
        data = {
            "fileName": f"api-lora-cn/{md5}.safetensors",
            "url": f"{own_url()}/lora/{md5}.safetensors?q-sign-algorithm=sha1&q-signature=sandbox",
        }
        return legacy(0, "success", data)

    def put_lora(self, name: str) -> Any:
        """The presigned PUT; the content must be what its name says."""
        digest = hashlib.md5(usedforsecurity=False)

        def save(path: Path) -> None:
            with path.open("wb") as target:
                while piece := request.stream.read(CHUNK):
                    digest.update(piece)
                    target.write(piece)

        self._office.keep(name, save)
        good = name == f"{digest.hexdigest()}.safetensors" and "q-signature" in request.args
        if not good:
            return Response("", 403)
        return Response("")

    def view(self, name: str) -> Any:
        """A result or an uploaded file."""
        uploaded = self._office.uploads.get(name)
        if uploaded:
            return send_file(uploaded)
        task = self._office.get(name.rpartition(".")[0].partition("-")[0])
        if task is None or name not in task.files:
            return Response("no such file", 404)
        kind = KINDS.get(name.rpartition(".")[2], "application/octet-stream")
        return self._given(name, task.files[name], kind)

    def _given(self, name: str, data: bytes, kind: str) -> Response:
        """A result, or a part of it, as a store of files gives it out."""
        chosen = self._faults.choose(f"output {name}", name, OF_OUTPUTS)
        if "output_outage" in chosen:
            return page(503, "Service Unavailable")
        if "output_gone" in chosen:
            return page(404, "NoSuchKey")
        if "output_html" in chosen:
            return page(200, "gateway")
        if "output_padded" in chosen:
            data += bytes(int(chosen.value("output_padded", 8 * CHUNK)))
        response = Response(data, content_type=kind)
        response.set_etag(hashlib.sha256(data).hexdigest())
        response.make_conditional(request, accept_ranges=True, complete_length=len(data))
        here = response.get_data()
        less = 0
        if "output_cut" in chosen:
            less = len(here) // 2
        elif "output_short" in chosen:
            less = int(chosen.value("output_short", 100))
        if less:
            # Its head has the length of all of it.
            response.response = stream_with_context(_broken_off(here[: max(0, len(here) - less)]))
            response.content_length = len(here)
        return response


def _broken_off(data: bytes) -> Iterator[bytes]:
    """The beginning of an answer, behind which the connection is closed."""
    yield data
    hang_up()
