"""The container of binary glTF 2.0: a json chunk that describes the arrays of a binary chunk.

Written by hand from the specification (Khronos, glTF 2.0, 3.6 and 4.4).
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

COMPONENT = {"<f4": 5126, "<u4": 5125, "<u2": 5123}
KIND = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
VERTICES, INDICES = 34962, 34963


@dataclass(frozen=True, slots=True)
class Arrays:
    """The binary chunk while it grows, with the json entries that describe it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, array: Shaped[np.ndarray, "rows ..."], kind: str, target: int | None = None
    ) -> int:
        """Append rows as numpy ``kind``; the accessor's index."""
        rows = np.ascontiguousarray(array.reshape(len(array), -1).astype(kind))
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": rows.nbytes}
        self.views.append(view if target is None else {**view, "target": target})
        self.data.extend(rows.tobytes())
        self.data.extend(b"\0" * (-len(self.data) % 4))
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": COMPONENT[kind],
            "count": len(rows),
            "type": KIND[rows.shape[1]],
        }
        if rows.shape[1] in (1, 3):
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write(document: dict[str, Any], arrays: Arrays, path: Path) -> None:
    """The file; without arrays it has no binary chunk."""
    text = json.dumps(document, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if arrays.data:
        chunks += struct.pack("<I4s", len(arrays.data), b"BIN\0") + arrays.data
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
