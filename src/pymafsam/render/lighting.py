"""The light of a tile as it is compiled; ``layers.composed`` in plain numpy but for rounding.

Written like ``kernel``: nothing raises, allocates or calls back into Python. ``numbers`` are the
scalars in the order of ``NUMBERS``; ``lamps`` have rows of direction, colour, wrap; ``ambient`` the
light from below and what that from above has more.
"""

import math

from pymafsam.render.occlusion import OCCLUSION_DEPTH, OCCLUSION_LOSS, SMOOTH

NUMBERS = ("left", "top", "centre x", "centre y", "focal", "around left", "around top", "step")
GLOSS = len(NUMBERS)  # the last of the numbers


def openness(around, numbers, x, y, depth):
    """The share of light that reaches what is seen at a place of the picture, at a depth."""
    rows, columns = around.shape
    across = min(max((x - numbers[5]) / numbers[7] - 0.5, 0.0), columns - 1.0)
    down = min(max((y - numbers[6]) / numbers[7] - 0.5, 0.0), rows - 1.0)
    column, row = int(across), int(down)
    right, below = min(column + 1, columns - 1), min(row + 1, rows - 1)
    across, down = across - column, down - row
    upper = around[row, column] + across * (around[row, right] - around[row, column])
    lower = around[below, column] + across * (around[below, right] - around[below, column])
    mean = upper + down * (lower - upper)
    behind = min(max((depth - mean) / OCCLUSION_DEPTH, 0.0), 1.0)
    return 1 - OCCLUSION_LOSS * behind * (2 - behind)


def power(value, exponent):
    """A whole power, by squaring."""
    made = 1.0
    while exponent > 0:
        if exponent & 1:
            made *= value
        value *= value
        exponent >>= 1
    return made


def shading(power):
    """The function below around a compiled ``power``."""

    def shade(normal, toward, lamps, ambient, exponent):
        """Light on a surface of that normal (red, green, blue), and its gloss (``shade.shade``)."""
        nx, ny, nz = normal
        vx, vy, vz = toward
        up = 0.5 - 0.5 * ny
        red, green = ambient[0, 0] + up * ambient[1, 0], ambient[0, 1] + up * ambient[1, 1]
        blue, gloss = ambient[0, 2] + up * ambient[1, 2], 0.0
        for k in range(len(lamps)):
            tx, ty, tz, wrap = lamps[k, 0], lamps[k, 1], lamps[k, 2], lamps[k, 6]
            facing = max((nx * tx + ny * ty + nz * tz + wrap) / (1 + wrap), 0.0)
            red += facing * lamps[k, 3]
            green += facing * lamps[k, 4]
            blue += facing * lamps[k, 5]
            bx, by, bz = tx + vx, ty + vy, tz + vz
            length = max(math.sqrt(bx * bx + by * by + bz * bz), 1e-6)
            shine = max((nx * bx + ny * by + nz * bz) / length, 0.0)
            gloss += max(lamps[k, 3], lamps[k, 4], lamps[k, 5]) * power(shine, exponent)
        return red, green, blue, gloss

    return shade


def sampling(shade, openness):
    """The function below around compiled ones."""

    def sample(corners, weights, x, y, depth, normals, around, numbers, lamps, ambient, exponent):
        """What the surface gives back of every colour, and its gloss, both dimmed."""
        nx = ny = nz = 0.0
        for k in range(3):
            nx += weights[k] * normals[corners[k], 0]
            ny += weights[k] * normals[corners[k], 1]
            nz += weights[k] * normals[corners[k], 2]
        length = max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-6)
        rx, ry = (x - numbers[2]) / numbers[4], (y - numbers[3]) / numbers[4]
        away = -math.sqrt(rx * rx + ry * ry + 1)
        normal, toward = (nx / length, ny / length, nz / length), (rx / away, ry / away, 1 / away)
        red, green, blue, gloss = shade(normal, toward, lamps, ambient, exponent)
        dim = openness(around, numbers, x, y, depth)
        return red * dim, green * dim, blue * dim, gloss * numbers[GLOSS] * dim

    return sample


def composing(sample):
    """The function below around a compiled ``sample``."""

    def compose(
        face, weights, depth, samples, nearby, faces, normals, owner, colours, around,
        numbers, lamps, ambient, exponent, light, cover,
    ):  # fmt: skip
        """Linear light (premultiplied) and cover 0..1 of every pixel of a tile.

        All samples of pixels with an edge are shaded, one of those that see one smooth surface.
        """
        height, width = cover.shape
        for row in range(height):
            for column in range(width):
                nearest, farthest, seen = math.inf, 0.0, 0
                for i in range(row * samples, (row + 1) * samples):
                    for j in range(column * samples, (column + 1) * samples):
                        nearest, farthest = min(nearest, depth[i, j]), max(farthest, depth[i, j])
                        seen += face[i, j] >= 0
                light[row, column, 0] = light[row, column, 1] = light[row, column, 2] = 0.0
                share = seen / (samples * samples)
                cover[row, column] = share
                if seen == 0:
                    continue
                smooth = farthest < math.inf and farthest - nearest < SMOOTH
                first = samples // 2 if smooth else 0
                end = first + 1 if smooth else samples
                count, red, green, blue = 0, 0.0, 0.0, 0.0
                for i in range(row * samples + first, row * samples + end):
                    for j in range(column * samples + first, column * samples + end):
                        if face[i, j] < 0:
                            continue
                        one = nearby[face[i, j]]
                        x, y = numbers[0] + (j + 0.5) / samples, numbers[1] + (i + 0.5) / samples
                        r, g, b, gloss = sample(
                            faces[one], weights[i, j], x, y, depth[i, j], normals, around,
                            numbers, lamps, ambient, exponent,
                        )  # fmt: skip
                        # Highlights are cut before the mean: one must not spoil an edge.
                        red += min(colours[owner[one], 0] * r + gloss, 1.0)
                        green += min(colours[owner[one], 1] * g + gloss, 1.0)
                        blue += min(colours[owner[one], 2] * b + gloss, 1.0)
                        count += 1
                light[row, column, 0] = red / count * share
                light[row, column, 1] = green / count * share
                light[row, column, 2] = blue / count * share

    return compose
