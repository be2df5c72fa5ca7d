"""One page of pictures: the worst, the median and the best, with what was found and what is true.

Self-contained html: the pictures are inside, nothing is loaded from anywhere.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from pymafsam.errors import PymafsamError
from pymafsam.evaluation.cases import Case, Found
from pymafsam.evaluation.figures import Figure
from pymafsam.evaluation.protocol import Drawn, Run, resolve
from pymafsam.evaluation.scores import MAKER, Scores
from pymafsam.files import made
from pymafsam.files.atomic import writing
from pymafsam.geometry.joints import LAYOUTS
from pymafsam.records import Pixels

SHOWN = 20  # of each kind
SIDE = 360  # pixels of a tile's longer side
LOOKS = 3  # at most, of each case
QUALITY = 80
TRUE, FOUND, OUTLINE = (60, 210, 90), (255, 120, 20), (90, 170, 255)
# Limbs that are drawn, by the joints' names, where a layout has both.
BONES = [
    *((f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"),
        ("shoulder", "hip"))),
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
]  # fmt: skip
STYLE = (
    "body{font:14px system-ui,sans-serif;margin:24px;background:#fafafa;color:#222}"
    "figure{display:inline-block;margin:6px;vertical-align:top}"
    "figcaption{font-size:12px;max-width:360px;overflow-wrap:anywhere}"
    "td,th{padding:2px 12px;text-align:left}td.n{text-align:right}"
    "img{border-radius:4px}.t{color:#1a9c3f}.f{color:#d96200}.o{color:#3a7bd5}"
)


def write(path: Path, run: Run, scores: Scores) -> None:
    """Write the page to ``path``."""
    with writing(path) as temporary:
        temporary.write_text(document(run, scores), encoding="utf-8")


def document(run: Run, scores: Scores) -> str:
    """The page's html."""
    headline = next((f for f in scores.figures if f.name == run.protocol.headline), None)
    sections = [] if headline is None else _sections(run, headline)
    missed = [
        f"<li>{html.escape(case.id)}: {html.escape(answer.missed)}</li>"
        for _, case, answer in run.each()
        if answer.missed
    ]
    title = f"evaluate {run.protocol.name}"
    words = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
        for name, text in run.protocol.words().items()
    )
    return "".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
            f"<!-- {made.mark(MAKER)} -->",
            f"<style>{STYLE}</style><h1>{title}</h1><table>{words}</table>",
            _table(scores),
            '<p><b class="t">true</b> · <b class="f">found</b> · <b class="o">outline</b></p>',
            *sections,
            f"<h2>Missed</h2><ul>{''.join(missed)}</ul>" if missed else "",
            "</html>\n",
        ]
    )


def _table(scores: Scores) -> str:
    rows = [
        f"<tr><td>{html.escape(f.name)}</td><td>{html.escape(f.whose)}</td>"
        f'<td class="n">{f.value:.3f} {html.escape(f.unit)}</td>'
        f'<td class="n">{i.low:.3f} to {i.high:.3f}</td><td class="n">{len(f.rows)}</td></tr>'
        for f, i in zip(scores.figures, scores.intervals, strict=True)
    ]
    head = "<tr><th>figure</th><th>whose</th><th>value</th><th>interval</th><th>samples</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _sections(run: Run, headline: Figure) -> list[str]:
    """Worst, median and best cases by the headline figure."""
    values = by_case(headline)
    out = []
    for title, chosen in ranked(values, headline.better).items():
        tiles = [_case(run, run.cases[index], values[index]) for index in chosen]
        out.append(f"<h2>{title} by {html.escape(headline.name)}</h2>{''.join(tiles)}")
    return out


def by_case(figure: Figure) -> Mapping[int, float]:
    """The figure of every case alone: its rows' mean, or their share."""
    values: dict[int, float] = {}
    for index in np.unique(figure.case).tolist():
        rows = figure.rows[figure.case == index]
        if rows.shape[1] == 1:
            values[index] = float(rows.mean())
        elif rows[:, 1].sum() > 0:
            values[index] = float(rows[:, 0].sum() / rows[:, 1].sum())
    return values


def ranked(values: Mapping[int, float], better: str) -> dict[str, list[int]]:
    """Cases of each kind; nobody is shown twice where there are enough."""
    sign = -1.0 if better == "more" else 1.0
    order = sorted(values, key=lambda index: (-sign * values[index], index))
    count = min(SHOWN, max(len(order) // 3, 1))
    middle = max((len(order) - count) // 2, 0)
    return {
        "Worst": order[:count],
        "Median": order[middle : middle + count],
        "Best": order[::-1][:count],
    }


def _case(run: Run, case: Case, value: float) -> str:
    answer = run.answers[case.id]
    parts = []
    for look in case.looks[:LOOKS]:
        try:
            pixels = look.read().pixels
        except PymafsamError:
            continue
        drawn = tile(pixels, answer.of(look.name), _truth(run, case, look.name))
        caption = html.escape(f"{case.id} · {look.name} · {value:.3f}")
        parts.append(f"<figure>{_image(drawn)}<figcaption>{caption}</figcaption></figure>")
    return "".join(parts)


def _truth(run: Run, case: Case, look: str) -> Drawn | None:
    """What is true in the look; only the first, undisturbed one is drawn on."""
    if run.protocol.home is None or look != case.looks[0].name:
        return None
    return resolve(f"{run.protocol.home}:shown")(case, look)


def tile(
    pixels: Pixels, people: Sequence[Found], truth: Drawn | None
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The part of the picture with the people, outlines, found and true limbs."""
    import cv2

    zoom = SIDE / max(pixels.shape[:2])
    size = (max(round(pixels.shape[1] * zoom), 1), max(round(pixels.shape[0] * zoom), 1))
    canvas = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    for found in people:
        inside = found.outline("silhouette")
        inside = found.outline("mask") if inside is None else inside
        if inside is not None and inside.shape == pixels.shape[:2]:
            shown = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            lines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(canvas, lines, -1, OUTLINE, 1, cv2.LINE_AA)
    for points in () if truth is None else truth.keypoints:
        _limbs(canvas, points * [zoom, zoom, 1], truth.layout, TRUE)  # type: ignore[union-attr]
    for found in people:
        points = found.detector if found.keypoints is None else found.keypoints
        if points is not None:
            _limbs(canvas, np.column_stack([points[:, :2] * zoom, np.ones(17)]), "coco17", FOUND)
    return np.asarray(canvas, np.uint8)


def _limbs(
    canvas: UInt8[np.ndarray, "height width 3"],
    points: Float[np.ndarray, "points 3"],
    layout: str,
    colour: tuple[int, int, int],
) -> None:
    import cv2

    names: Sequence[str] = LAYOUTS[layout]
    for first, second in BONES:
        if first not in names or second not in names:
            continue
        ends = points[[names.index(first), names.index(second)]]
        if (ends[:, 2] > 0).all() and (np.abs(ends) < 1e4).all():
            one, other = (tuple(int(v) for v in np.rint(end[:2])) for end in ends)
            cv2.line(canvas, one, other, colour, 2, cv2.LINE_AA)


def _image(pixels: UInt8[np.ndarray, "rows columns 3"]) -> str:
    import cv2

    _, coded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    height, width = pixels.shape[:2]
    data = base64.b64encode(coded.tobytes()).decode("ascii")
    return f'<img width="{width}" height="{height}" src="data:image/jpeg;base64,{data}">'
