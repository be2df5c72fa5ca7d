"""A picture as one row: the json contract as columns, with a key, a status and what went wrong."""

from collections.abc import Mapping
from typing import Any

DONE, FAILED = "done", "failed"
# Fields of the contract that are objects whose keys are data.
SETS = ("keypoints_2d", "joints_3d")


def schema() -> Any:
    """The columns (docs/formats.md)."""
    import pyarrow as pa

    numbers = pa.list_(pa.float64())
    sets = pa.map_(pa.string(), pa.list_(numbers))
    weak = {"scale": pa.float64(), "shift": numbers, "crop_box": numbers}
    person = {
        "box": numbers,
        "score": pa.float64(),
        "detection_score": pa.float64(),
        "track": pa.int64(),
        "mask": pa.struct({"size": pa.list_(pa.int64()), "counts": pa.string()}),
        "mask_score": pa.float64(),
        "mask_source": pa.string(),
        "pose": pa.list_(numbers),
        "betas": numbers,
        "translation": numbers,
        "weak_camera": pa.struct(weak),
        "keypoints_2d": sets,
        "joints_3d": sets,
    }
    camera = {"focal": pa.float64(), "centre": numbers, "convention": pa.string()}
    return pa.schema(
        {
            "key": pa.string(),
            "status": pa.string(),
            "error": pa.string(),
            "format": pa.string(),
            "made": pa.string(),
            "image": pa.string(),
            "index": pa.int64(),
            "width": pa.int64(),
            "height": pa.int64(),
            "body": pa.string(),
            "camera": pa.struct(camera),
            "people": pa.list_(pa.struct(person)),
        }
    )


def done(key: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a picture from its json document."""
    people = [
        {**person, **{name: list(person[name].items()) for name in SETS}}
        for person in document["people"]
    ]
    made = document["made"]["by"]
    return {**document, "key": key, "status": DONE, "error": None, "made": made, "people": people}


def failed(key: str, name: str, why: str) -> dict[str, Any]:
    """The row of a picture that could not be done."""
    return {"key": key, "status": FAILED, "error": why, "image": name, "people": []}


def document(row: Mapping[str, Any]) -> dict[str, Any]:
    """The json document of a row that was read again (``Table.to_pylist``)."""
    people = [{**person, **{name: dict(person[name]) for name in SETS}} for person in row["people"]]
    kept = {name: value for name, value in row.items() if name not in ("key", "status", "error")}
    return {**kept, "made": {"by": row["made"]}, "people": people}
