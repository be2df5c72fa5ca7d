"""The rasteriser as it is compiled; agrees bit for bit with ``reference``.

Written in the part of Python that numba compiles. Nothing here raises, allocates or calls back
into Python, so that the machine code stands alone (``machine_code``).
"""

import math

from pymafsam.render.reference import FARTHEST_PIXEL, STEPS

HALF = STEPS // 2
SLACK = 1e-9  # more than rounding adds
WHOLE = 1.5 * 2**52  # doubles near it are whole numbers


def snap(points, near, xy, inverse):
    """Corners in whole steps and 1 / depth, 0 for those that cannot be used."""
    for k in range(len(points)):
        x, y, z = points[k, 0], points[k, 1], points[k, 2]
        # Comparisons with NaN are false. No branches: several corners are worked on at a time.
        usable = (abs(x) < FARTHEST_PIXEL) & (abs(y) < FARTHEST_PIXEL) & (near < z) & (z < math.inf)
        x, y, z = (x if usable else 0.0), (y if usable else 0.0), (z if usable else 1.0)
        # What is added and taken away leaves no bits behind the point: rounded half to even.
        xy[k, 0] = int((x * STEPS + WHOLE) - WHOLE)
        xy[k, 1] = int((y * STEPS + WHOLE) - WHOLE)
        inverse[k] = 1 / z if usable else 0.0


def fill(xy, inverse, faces, face, nearest):
    """Write the nearest face index and 1 / depth of every pixel; ``nearest`` starts at 0."""
    height, width = face.shape
    for index in range(len(faces)):
        a, b, c = faces[index, 0], faces[index, 1], faces[index, 2]
        ia, ib, ic = inverse[a], inverse[b], inverse[c]
        if ia == 0 or ib == 0 or ic == 0:
            continue
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        left = max((min(ax, bx, cx) + HALF - 1) // STEPS, 0)
        right = min((max(ax, bx, cx) - HALF) // STEPS, width - 1)
        top = max((min(ay, by, cy) + HALF - 1) // STEPS, 0)
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
        most = max(ia, ib, ic) * (1 + SLACK)  # 1 / depth anywhere on the triangle
        x, y = left * STEPS + HALF, top * STEPS + HALF
        u_line = ux * (y - by) - uy * (x - bx) - u_least
        v_line = vx * (y - cy) - vy * (x - cx) - v_least
        w_line = wx * (y - ay) - wy * (x - ax) - w_least
        u_right, v_right, w_right = -uy * STEPS, -vy * STEPS, -wy * STEPS
        for row in range(top, bottom + 1):
            u, v, w = u_line, v_line, w_line
            column = left
            # A triangle's line is one piece: first to it, then through it.
            while column <= right and (u | v | w) < 0:
                u += u_right
                v += v_right
                w += w_right
                column += 1
            while column <= right and (u | v | w) >= 0:
                if most > nearest[row, column]:
                    parts = float(u + u_least) * ia + float(v + v_least) * ib
                    inverse_depth = (parts + float(w + w_least) * ic) / size
                    if inverse_depth > nearest[row, column]:
                        nearest[row, column] = inverse_depth
                        face[row, column] = index
                u += u_right
                v += v_right
                w += w_right
                column += 1
            u_line += ux * STEPS
            v_line += vx * STEPS
            w_line += wx * STEPS


def weigh(xy, inverse, faces, face, nearest, barycentric, depth):
    """Corner weights and depth of the face that each pixel sees; the others stay as they are.

    ``nearest`` is left full of zeros.
    """
    height, width = face.shape
    for row in range(height):
        y = row * STEPS + HALF
        last = -1
        u = v = w = u_right = v_right = w_right = 0
        ia = ib = ic = 0.0
        at = 0
        for column in range(width):
            index = face[row, column]
            if index < 0:
                continue
            x = column * STEPS + HALF
            if index != last:  # else the sides grow by the same from pixel to pixel
                a, b, c = faces[index, 0], faces[index, 1], faces[index, 2]
                ia, ib, ic = inverse[a], inverse[b], inverse[c]
                ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
                turn = 1 if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0 else -1
                u_right, v_right, w_right = turn * (by - cy), turn * (cy - ay), turn * (ay - by)
                u = turn * (cx - bx) * (y - by) + u_right * (x - bx)
                v = turn * (ax - cx) * (y - cy) + v_right * (x - cx)
                w = turn * (bx - ax) * (y - ay) + w_right * (x - ax)
                last, at = index, x
            on = x - at
            near_a = float(u + u_right * on) * ia
            near_b = float(v + v_right * on) * ib
            near_c = float(w + w_right * on) * ic
            share = 1 / (near_a + near_b + near_c)
            barycentric[row, column, 0] = near_a * share
            barycentric[row, column, 1] = near_b * share
            barycentric[row, column, 2] = near_c * share
            depth[row, column] = 1 / nearest[row, column]
            nearest[row, column] = 0.0
