"""Real small files for what a task makes: a PNG that shows its prompt, an MP4, a WAV, a GLB."""

import hashlib
import io
import math
import struct
import textwrap
import wave
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

from runhook.worker.runninghub.sandbox.glb import globe
from runhook.worker.runninghub.sandbox.mp4 import film

# Pixels: large enough to read the prompt, small enough for a test.
WIDTH, HEIGHT, FILM_WIDTH, FILM_HEIGHT = 640, 400, 192, 112
WORN = (320, 256)  # pixels of the picture on a globe, which shows a half of it at a time
FRAMES, PER_SECOND = 8, 4  # a film of two seconds
TONE_SECONDS, RATE = 1.0, 8000  # seconds, and samples a second: a WAV of 16 KB


def make(kind: str, prompt: str, task: str) -> tuple[str, bytes]:
    """The file's ending and its bytes; text has the ending txt."""
    ending, maker = MAKERS.get(kind, MAKERS["image"])
    return ending, maker(prompt, task)


def _colour(task: str, shift: int = 0) -> tuple[int, int, int]:
    digest = hashlib.sha256(task.encode()).digest()
    red, green, blue = (60 + byte % 120 for byte in digest[shift : shift + 3])
    return red, green, blue


def _picture(size: tuple[int, int], prompt: str, task: str, point: int, done: float) -> Image.Image:
    width, height = size
    top, bottom = _colour(task), _colour(task, 3)
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        mix = y / height
        draw.line(
            [(0, y), (width, y)],
            fill=tuple(round(a * (1 - mix) + b * mix) for a, b in zip(top, bottom, strict=True)),
        )
    font = ImageFont.load_default(point)
    lines = textwrap.wrap(prompt or "(no prompt)", max(8, int(width / point * 1.8)))[:6]
    margin = point
    draw.multiline_text((margin, margin), "\n".join(lines), fill="white", font=font, spacing=4)
    small = ImageFont.load_default(max(9, point // 2))
    draw.text((margin, height - margin * 1.6), f"runhook sandbox  {task}", fill="white", font=small)
    draw.rectangle([0, height - 5, int(width * done), height], fill="white")
    return picture


def _png(prompt: str, task: str) -> bytes:
    out = io.BytesIO()
    _picture((WIDTH, HEIGHT), prompt, task, 26, 1.0).save(out, "PNG")
    return out.getvalue()


def _mp4(prompt: str, task: str) -> bytes:
    size = (FILM_WIDTH, FILM_HEIGHT)
    frames = [_picture(size, prompt, task, 12, (i + 1) / FRAMES) for i in range(FRAMES)]
    return film(frames, PER_SECOND)


def _wav(_: str, task: str) -> bytes:
    pitch = 220 + int(hashlib.sha256(task.encode()).hexdigest()[:2], 16)
    count = int(RATE * TONE_SECONDS)
    fade = [min(1.0, i / 400, (count - i) / 400) for i in range(count)]
    tones = [int(12000 * fade[i] * math.sin(2 * math.pi * pitch * i / RATE)) for i in range(count)]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{count}h", *tones))
    return out.getvalue()


def _glb(prompt: str, task: str) -> bytes:
    out = io.BytesIO()
    _picture(WORN, prompt, task, 22, 1.0).save(out, "PNG")
    return globe(out.getvalue(), _colour(task, 3), prompt)


def _text(prompt: str, _: str) -> bytes:
    return f"sandbox: {prompt}".encode()


# By kind of task: the file's ending and who makes it. A ComfyUI task makes a picture.
MAKERS: dict[str, tuple[str, Callable[[str, str], bytes]]] = {
    "image": ("png", _png),
    "video": ("mp4", _mp4),
    "audio": ("wav", _wav),
    "3d": ("glb", _glb),
    "string": ("txt", _text),
    "comfy": ("png", _png),
}
