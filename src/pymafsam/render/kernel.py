"""The rasteriser compiled by numba; agrees bit for bit with ``reference``.

Loaded only when something is drawn. The lock of the interpreter is released while it works.
"""

import functools
import inspect
from collections.abc import Callable

import numba
import numpy as np

from pymafsam.render.reference import STEPS

HALF = STEPS // 2


def _fill(xy, inverse, faces, face, nearest):
    """Write the nearest face index and 1 / depth of every pixel; ``nearest`` starts at 0."""
    height, width = face.shape
    for index in range(len(faces)):
        a, b, c = faces[index]
        ia, ib, ic = inverse[a], inverse[b], inverse[c]
        if ia == 0 or ib == 0 or ic == 0:
            continue
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        left = max(-((HALF - min(ax, bx, cx)) // STEPS), 0)
        right = min((max(ax, bx, cx) - HALF) // STEPS, width - 1)
        top = max(-((HALF - min(ay, by, cy)) // STEPS), 0)
        bottom = min((max(ay, by, cy) - HALF) // STEPS, height - 1)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or left > right or top > bottom:
            continue
        turn = 1 if area > 0 else -1
        # Edges opposite to a, b, c, running clockwise on the screen.
        ux, uy = turn * (cx - bx), turn * (cy - by)
        vx, vy = turn * (ax - cx), turn * (ay - cy)
        wx, wy = turn * (bx - ax), turn * (by - ay)
        # A centre exactly on an edge counts for top and left edges only: there 0 is enough,
        # elsewhere it takes 1, so that one test of the signs decides.
        u_least = 0 if uy < 0 or (uy == 0 and ux > 0) else 1
        v_least = 0 if vy < 0 or (vy == 0 and vx > 0) else 1
        w_least = 0 if wy < 0 or (wy == 0 and wx > 0) else 1
        size = float(turn * area)
        x, y = left * STEPS + HALF, top * STEPS + HALF
        u_line = ux * (y - by) - uy * (x - bx) - u_least
        v_line = vx * (y - cy) - vy * (x - cx) - v_least
        w_line = wx * (y - ay) - wy * (x - ax) - w_least
        u_right, v_right, w_right = -uy * STEPS, -vy * STEPS, -wy * STEPS
        for row in range(top, bottom + 1):
            u, v, w = u_line, v_line, w_line
            entered = False
            for column in range(left, right + 1):
                if (u | v | w) >= 0:
                    entered = True
                    parts = float(u + u_least) * ia + float(v + v_least) * ib
                    inverse_depth = (parts + float(w + w_least) * ic) / size
                    if inverse_depth > nearest[row, column]:
                        nearest[row, column] = inverse_depth
                        face[row, column] = index
                elif entered:
                    break  # a triangle's line is one piece
                u += u_right
                v += v_right
                w += w_right
            u_line += ux * STEPS
            v_line += vx * STEPS
            w_line += wx * STEPS


def _weigh(xy, inverse, faces, face, nearest, barycentric, depth):
    """Corner weights and depth of the face that each pixel sees; the others stay as they are."""
    height, width = face.shape
    for row in range(height):
        y = row * STEPS + HALF
        for column in range(width):
            index = face[row, column]
            if index < 0:
                continue
            x = column * STEPS + HALF
            a, b, c = faces[index]
            ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
            turn = 1 if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0 else -1
            u = float(turn * ((cx - bx) * (y - by) - (cy - by) * (x - bx))) * inverse[a]
            v = float(turn * ((ax - cx) * (y - cy) - (ay - cy) * (x - cx))) * inverse[b]
            w = float(turn * ((bx - ax) * (y - ay) - (by - ay) * (x - ax))) * inverse[c]
            total = u + v + w
            barycentric[row, column, 0] = u / total
            barycentric[row, column, 1] = v / total
            barycentric[row, column, 2] = w / total
            depth[row, column] = 1 / nearest[row, column]


@functools.cache
def draw() -> Callable:
    """The compiled counterpart of ``reference.draw``."""
    fill, weigh = _compile(_fill), _compile(_weigh)

    def draw(xy, inverse, faces, width, height):
        face = np.full((height, width), -1, np.int32)
        nearest = np.zeros((height, width))
        barycentric = np.zeros((height, width, 3), np.float32)
        depth = np.full((height, width), np.inf, np.float32)
        fill(xy, inverse, faces, face, nearest)
        weigh(xy, inverse, faces, face, nearest, barycentric, depth)
        return face, barycentric, depth

    return draw


def _compile(function: Callable) -> Callable:
    """numba's version, kept on disk where that is possible."""
    function = inspect.unwrap(function)  # shape checkers of the tests wrap every function
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder for the compiled code can be written
        return numba.njit(nogil=True, error_model="numpy")(function)
