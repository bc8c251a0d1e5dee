"""A small GLB that is worth turning: a globe that wears a picture, on a coloured stand."""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# glTF's own numbers: kinds of component, and what a buffer view is for.
SHORT, FLOAT = 5123, 5126
OF_POINTS, OF_FACES = 34962, 34963
AROUND, UP = 32, 16  # faces of the globe: round from some way off, and 20 KB
STAND = ((0.0, 0.0), (0.7, 0.0), (0.75, 0.1), (0.3, 0.2), (0.12, 0.5), (0.25, 0.7))
GLOBE_HEIGHT = 1.6  # of its middle above the table; its radius is 1

Point = tuple[float, ...]
Profile = Sequence[tuple[float, float]]


@dataclass
class _Document:
    """A file that grows: its JSON, and the bytes that this names parts of."""

    json: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    blob: bytes = b""

    def add(self, kind: str, **what: Any) -> int:
        """Add something; its number."""
        rows = self.json.setdefault(kind, [])
        rows.append(what)
        return len(rows) - 1

    def view(self, data: bytes, **what: Any) -> int:
        """Add bytes; the number of their view."""
        start = len(self.blob)
        self.blob += data + bytes(-len(data) % 4)
        return self.add("bufferViews", buffer=0, byteOffset=start, byteLength=len(data), **what)

    def points(self, points: Sequence[Point]) -> int:
        """Add a list of points of two or three numbers."""
        wide = len(points[0])
        data = b"".join(struct.pack(f"<{wide}f", *point) for point in points)
        return self.add(
            "accessors",
            bufferView=self.view(data, target=OF_POINTS),
            componentType=FLOAT,
            count=len(points),
            type=f"VEC{wide}",
            min=[min(axis) for axis in zip(*points, strict=True)],
            max=[max(axis) for axis in zip(*points, strict=True)],
        )

    def faces(self, corners: Sequence[int]) -> int:
        """Add a list of triangles."""
        data = struct.pack(f"<{len(corners)}H", *corners)
        view = self.view(data, target=OF_FACES)
        return self.add(
            "accessors", bufferView=view, componentType=SHORT, count=len(corners), type="SCALAR"
        )

    def turned(self, profile: Profile, material: int) -> int:
        """Add what a profile of radius and height becomes on a lathe; the number of its mesh."""
        places, normals, uvs = _turned(profile)
        part = {
            "attributes": {
                "POSITION": self.points(places),
                "NORMAL": self.points(normals),
                "TEXCOORD_0": self.points(uvs),
            },
            "indices": self.faces(_corners(len(profile))),
            "material": material,
        }
        return self.add("meshes", primitives=[part])

    def written(self) -> bytes:
        """The file."""
        text = json.dumps(
            {**self.json, "scene": 0, "buffers": [{"byteLength": len(self.blob)}]}
        ).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(self.blob), b"BIN\0") + self.blob
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def globe(png: bytes, colour: tuple[int, int, int], prompt: str) -> bytes:
    """A GLB.

    Args:
        png: What the globe wears.
        colour: Of the stand.
        prompt: Kept in the file.
    """
    file = _Document()
    image = file.add("images", bufferView=file.view(png), mimeType="image/png")
    texture = file.add("textures", source=image)
    worn = file.add("materials", pbrMetallicRoughness={"baseColorTexture": {"index": texture}})
    factor = [*((part / 255) ** 2.2 for part in colour), 1.0]
    painted = file.add("materials", pbrMetallicRoughness={"baseColorFactor": factor})
    ball = [(math.cos(a), math.sin(a)) for a in (math.pi * (k / UP - 0.5) for k in range(UP + 1))]
    above = [0, GLOBE_HEIGHT, 0]
    children = [
        file.add("nodes", name="globe", mesh=file.turned(ball, worn), translation=above),
        file.add("nodes", name="stand", mesh=file.turned(STAND, painted)),
    ]
    file.add("scenes", nodes=[file.add("nodes", children=children)])
    file.json |= {"asset": _asset(prompt)}  # type: ignore[dict-item]  # the only one that is no list
    return file.written()


def _asset(prompt: str) -> dict[str, Any]:
    return {"version": "2.0", "generator": "runhook sandbox", "extras": {"prompt": prompt}}


def _turned(profile: Profile) -> tuple[list[Point], list[Point], list[Point]]:
    """Places, normals, and where on the picture each is."""
    places: list[Point] = []
    normals: list[Point] = []
    uvs: list[Point] = []
    for row, (radius, height) in enumerate(profile):
        before, after = profile[max(row - 1, 0)], profile[min(row + 1, len(profile) - 1)]
        out, up = after[1] - before[1], before[0] - after[0]
        length = math.hypot(out, up) or 1.0
        for k in range(AROUND + 1):
            angle = 2 * math.pi * k / AROUND
            x, z = math.cos(angle), -math.sin(angle)
            places.append((radius * x, height, radius * z))
            normals.append((out / length * x, up / length, out / length * z))
            # Twice around and below the pole, where a picture is as wide as high.
            down = 1.5 * (1 - row / (len(profile) - 1)) - 0.4
            uvs.append((2 * k / AROUND, min(max(down, 0.02), 0.98)))
    return places, normals, uvs


def _corners(rows: int) -> list[int]:
    """Triangles between neighbouring rows, seen from outside against the clock."""
    found = []
    for row in range(rows - 1):
        for k in range(AROUND):
            here = row * (AROUND + 1) + k
            above = here + AROUND + 1
            found += [here, here + 1, above, above, here + 1, above + 1]
    return found
