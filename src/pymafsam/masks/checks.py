"""What makes a prompt a bad one: whatever cannot be meant on this picture."""

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.errors import BadInput
from pymafsam.geometry.boxes import bounds
from pymafsam.geometry.joints import BLAZEPOSE33
from pymafsam.records import Flip, Inside, Prompt
from pymafsam.registry import closest

DISAGREE = 0.1  # a prompt whose mask lies less than this in its box is a mistake
SIDES = ("whole", "arms", "legs")  # parts of a body whose sides can be exchanged
DEPTHS = (*SIDES, "left_arm", "right_arm", "left_leg", "right_leg")
WAYS = {"sides": SIDES, "depth": DEPTHS}
FAR = 5  # of the picture's longer side: farther from the corner no box or keypoint is meant


def check(prompt: Prompt, size: tuple[int, int], who: str = "The prompt") -> Prompt:
    """The prompt itself when it makes sense on a picture of ``size`` (width, height).

    Raises BadInput for a click outside the picture, a box without area or beside the picture, a
    keypoint far outside it, an empty mask, a mask of another size, a mask that does not meet its
    box, pins and flips of what nobody has.
    """
    width, height = size
    if prompt.clicks is not None:
        for x, y in prompt.clicks:
            if not (0 <= x <= width and 0 <= y <= height):
                raise BadInput(
                    f"{who}: the click at ({x:g}, {y:g}) lies outside the picture, which is "
                    f"{width} x {height} pixels.\n  Clicks are x,y from the top left corner."
                )
        if prompt.inside is not None and len(prompt.inside) != len(prompt.clicks):
            raise BadInput(
                f"{who}: {len(prompt.clicks)} clicks but {len(prompt.inside)} labels; "
                "give one label per click."
            )
    if prompt.keypoints is not None:
        _check_keypoints(prompt.keypoints, size, who)
    _check_pins(prompt, size, who)
    for flip in prompt.flips:
        _check_flip(flip, who)
    if prompt.box is not None:
        _check_box(np.asarray(prompt.box, float), size, who)
    if prompt.mask is not None:
        _check_mask(prompt, size, who)
    return prompt


def _check_box(box: Shaped[np.ndarray, "4"], size: tuple[int, int], who: str) -> None:
    x0, y0, x1, y1 = box
    shown = f"{x0:g}, {y0:g}, {x1:g}, {y1:g}"
    if not np.isfinite(box).all() or x1 <= x0 or y1 <= y0:
        raise BadInput(
            f"{who}: the box {shown} holds nothing.\n"
            "  Boxes are x0,y0,x1,y1: left, top, right, bottom in pixels."
        )
    far = FAR * max(size)
    if np.abs(box).max() > far or x0 >= size[0] or y0 >= size[1] or x1 <= 0 or y1 <= 0:
        raise BadInput(
            f"{who}: the box {shown} lies outside the picture, which is {size[0]} x {size[1]} "
            "pixels."
        )


def _check_keypoints(
    keypoints: Float[np.ndarray, "keypoints 3"], size: tuple[int, int], who: str
) -> None:
    # Those of confidence 0 say nothing, and often stand at odd places.
    said = keypoints[keypoints[:, 2] != 0, :2]
    if not np.isfinite(keypoints).all() or (said.size and np.abs(said).max() > FAR * max(size)):
        raise BadInput(
            f"{who}: a keypoint lies far outside the picture, which is {size[0]} x {size[1]} "
            "pixels."
        )


def _check_pins(prompt: Prompt, size: tuple[int, int], who: str) -> None:
    for name, place in prompt.pins.items():
        if name not in BLAZEPOSE33:
            raise BadInput(
                f'{who}: there is no keypoint "{name}" to pin{closest(name, BLAZEPOSE33)}\n'
                f"  Known: {', '.join(BLAZEPOSE33)}"
            )
        if not np.isfinite(place).all() or np.abs(place).max() > FAR * max(size):
            raise BadInput(
                f"{who}: the pin of {name} lies far outside the picture, which is {size[0]} x "
                f"{size[1]} pixels."
            )


def _check_flip(flip: Flip, who: str) -> None:
    if flip.way not in WAYS:
        raise BadInput(f'{who}: a flip\'s way is {" or ".join(WAYS)}, not "{flip.way}".')
    if flip.part not in WAYS[flip.way]:
        raise BadInput(
            f'{who}: a flip of the {flip.way} is of {", ".join(WAYS[flip.way])}, not "{flip.part}".'
        )


def _check_mask(prompt: Prompt, size: tuple[int, int], who: str) -> None:
    mask = prompt.mask
    assert mask is not None
    if mask.shape != (size[1], size[0]):
        raise BadInput(
            f"{who}: the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its picture "
            f"{size[0]} x {size[1]}.\n  Make it from this very picture, or scale it to its size."
        )
    if not mask.any():
        raise BadInput(f"{who}: the mask is empty. Leave the mask out, or mark some pixels.")
    if prompt.box is None:
        return
    x0, y0, x1, y1 = prompt.box
    share = share_in(mask, np.asarray(prompt.box, float))
    if share < DISAGREE:
        found = ", ".join(f"{value:g}" for value in bounds(mask))
        raise BadInput(
            f"{who}: box and mask disagree: {100 * share:.0f} % of the mask (which spans "
            f"{found}) lies in the box {x0:g}, {y0:g}, {x1:g}, {y1:g}.\n"
            "  One of them means somebody else: leave one out, or mend it."
        )


def share_in(mask: Inside, box: Float[np.ndarray, "4"]) -> float:
    """How much of a mask lies in a box."""
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = box
    within = (columns + 0.5 > x0) & (columns + 0.5 < x1) & (rows + 0.5 > y0) & (rows + 0.5 < y1)
    return float(within.mean())
