# SPDX-License-Identifier: Apache-2.0
"""Synthetic block of tissue that looks like electron microscopy, rendered page by page.

Cells with dark membranes fill the block. Some of them contain a mitochondrion with an outline and
inner folds, the cristae. Other cells contain distractors: uniformly dark bodies, and empty vacuoles
with an outline. Vesicles (small rings) are everywhere. All objects are three-dimensional and
continue from one page to the next.
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy.spatial import cKDTree

THICKNESS = 1.5  # of a page, in pixels
CELL = 46.0  # typical distance between cells, in pixels
KINDS = ("mitochondrion", "dense body", "vacuole")
SHARES = (0.30, 0.12, 0.12)  # shares of cells that contain each kind; the others have only vesicles
VESICLES = 3.5e-4  # per cubic pixel


class Organelle(NamedTuple):
    """Bent ellipsoid inside one cell.

    Attributes:
        kind: Position in :data:`KINDS`.
        cell: Number of the cell that contains it.
        center: ``(3,)`` x, y, z in pixels.
        axes: ``(3, 3)``, rows are directions divided by the half axis in pixels.
        radius: Shortest half axis in pixels.
        tone: Gray level of the inside, 0 black to 1 white.
        period: Distance between folds in pixels.
    """

    kind: int
    cell: int
    center: np.ndarray
    axes: np.ndarray
    radius: float
    tone: float
    period: float


class SmoothField:
    """Smooth random field in a block, with values of about -1 to 1.

    Args:
        rng: Random number generator.
        size: Height and width of a page in pixels.
        depth: Depth of the block in pixels.
        cell: Size of the blobs in pixels.
    """

    def __init__(self, rng: np.random.Generator, size: int, depth: float, cell: float) -> None:
        side = int(size / cell) + 4
        self.size, self.cell = size, cell
        self.grid = rng.uniform(-1, 1, (int(depth / cell) + 3, side, side)).astype(np.float32)

    def at(self, z: float) -> np.ndarray:
        """Return the ``(size, size)`` float32 slice at depth ``z`` in pixels."""
        layer, rest = divmod(z / self.cell, 1)
        rest = rest * rest * (3 - 2 * rest)
        plane = (1 - rest) * self.grid[int(layer)] + rest * self.grid[int(layer) + 1]
        plane = cv2.resize(plane, None, fx=self.cell, fy=self.cell, interpolation=cv2.INTER_CUBIC)
        start = int(self.cell)
        return plane[start : start + self.size, start : start + self.size]


class DemoVolume:
    """Synthetic block of tissue; ``volume.page(i)`` renders a page.

    Args:
        seed: The same seed and sizes give the same block, whichever pages are rendered.
        pages: Number of pages.
        size: Height and width of a page in pixels.
    """

    def __init__(self, seed: int | tuple[int, ...], pages: int, size: int) -> None:
        rng = np.random.default_rng(seed)
        self.seed, self.pages, self.size = seed, pages, size
        depth = pages * THICKNESS
        low, high = np.full(3, -CELL), np.array([size, size, depth]) + CELL
        self.cells = rng.uniform(low, high, (int(np.prod((high - low) / CELL)), 3))
        self.tree = cKDTree(self.cells)
        self.tones = rng.uniform(0.60, 0.76, len(self.cells))
        self.bend = [SmoothField(rng, size, depth, 24) for _ in range(2)]
        self.grain = [SmoothField(rng, size, depth, cell) for cell in (14, 5)]
        self.organelles = self._fill(rng)
        vesicles = rng.uniform(low, high, (int(VESICLES * np.prod(high - low)), 3))
        busy = rng.uniform(size=len(self.cells)) < 0.5  # the other cells have no vesicles
        self.vesicles = vesicles[busy[self.tree.query(vesicles)[1]]]
        self.vesicle_radii = rng.uniform(2.2, 3.6, len(self.vesicles))

    def page(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Render a page, counted from 0.

        Returns:
            The image, uint8 ``(size, size)``, and its mask, bool ``(size, size)``, True inside
            mitochondria, including their membrane.
        """
        z = number * THICKNESS
        y, x = np.mgrid[: self.size, : self.size].astype(np.float32)
        x, y = x + 7 * self.bend[0].at(z), y + 7 * self.bend[1].at(z)
        points = np.stack([x, y, np.full_like(x, z)], -1)
        distance, cell = self.tree.query(points, k=2)
        gap = (distance[..., 1] - distance[..., 0]).astype(np.float32)  # 0 on a membrane
        away = (points[..., None, :] - self.cells[cell]) / distance[..., None]
        across = away[..., 0, :] - away[..., 1, :]
        steep = np.linalg.norm(across[..., :2], axis=-1) / np.linalg.norm(across, axis=-1)
        grain = self.grain[0].at(z) + self.grain[1].at(z)
        image = self.tones[cell[..., 0]].astype(np.float32) + 0.035 * grain
        self._rings(image, z)
        image = _mix(image, 0.14, steep * np.exp(-((gap / 2.6) ** 2)))  # thin if cut across
        mask = np.zeros(image.shape, bool)
        for number_of_cell in np.unique(cell[..., 0]):
            one = self.organelles.get(int(number_of_cell))
            if one is None:
                continue
            box = _box(cell[..., 0] == one.cell)
            depth = np.minimum(_depth(one, points[box]), 0.5 * (gap[box] - 4))
            depth = np.where(cell[..., 0][box] == one.cell, depth, -1)
            if (depth > 0).any():
                image[box] = _paint(image[box], one, depth, points[box], grain[box])
                mask[box] |= (depth > 0) & (KINDS[one.kind] == "mitochondrion")
        return self._photograph(image, number), mask

    def _fill(self, rng: np.random.Generator) -> dict[int, Organelle]:
        """Draw the organelles, keyed by cell number."""
        room = self.tree.query(self.cells, k=2)[0][:, 1] / 2
        kinds = rng.choice(len(KINDS) + 1, len(self.cells), p=[*SHARES, 1 - sum(SHARES)])
        drawn = {}
        for cell, (kind, free) in enumerate(zip(kinds, room, strict=True)):
            turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
            radius = float(np.clip(free * rng.uniform(0.75, 1.05), 9, 16))
            half = radius * np.array([1, rng.uniform(1, 1.3), rng.uniform(1.3, 2.4)])
            half *= (1, 0.65, 0.9)[kind] if kind < len(KINDS) else 1
            tone = rng.uniform(*((0.40, 0.60), (0.22, 0.34), (0.70, 0.80), (0, 1))[kind])
            center = self.cells[cell] + rng.normal(0, 2, 3)
            one = Organelle(
                kind, cell, center, turn / half[:, None], radius, tone, rng.uniform(5.5, 8)
            )
            if kind < len(KINDS):
                drawn[cell] = one
        return drawn

    def _rings(self, image: np.ndarray, z: float) -> None:
        """Draw the vesicles that intersect this page."""
        offset = np.abs(self.vesicles[:, 2] - z)
        for (x, y, _), r, dz in zip(self.vesicles, self.vesicle_radii, offset, strict=True):
            if dz < r:
                radius = int(16 * np.sqrt(r * r - dz * dz))
                center = (int(16 * x), int(16 * y))
                cv2.circle(image, center, radius, 0.36, 1, cv2.LINE_AA, shift=4)

    def _photograph(self, image: np.ndarray, number: int) -> np.ndarray:
        """Add uneven staining, defocus and noise, which differ from page to page; uint8."""
        seed = self.seed if isinstance(self.seed, tuple) else (self.seed,)
        rng = np.random.default_rng((*seed, number))
        slope = np.linspace(-1, 1, self.size, dtype=np.float32)
        image = image + 0.03 * (rng.normal() * slope + rng.normal() * slope[:, None])
        image = (image - 0.55) * rng.uniform(0.88, 1.08) + 0.55 + rng.normal(0, 0.02)
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 0.9))
        coarse = cv2.GaussianBlur(rng.normal(0, 1, image.shape), (0, 0), 0.6)
        return (np.clip(image + 0.12 * coarse, 0, 1) * 255).round().astype(np.uint8)


def _depth(one: Organelle, points: np.ndarray) -> np.ndarray:
    """Return the approximate depth of points inside an organelle in pixels; negative outside."""
    offset = (points - one.center) @ one.axes.T
    return one.radius * (1 - np.sqrt((offset**2).sum(-1)))


def _box(there: np.ndarray) -> tuple[slice, slice]:
    """Return the bounding box of the true values."""
    sides = [np.flatnonzero(there.any(axis)) for axis in (1, 0)]
    return tuple(slice(side[0], side[-1] + 1) for side in sides)


def _mix(image: np.ndarray, tone: float | np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return image + (tone - image) * alpha


def _paint(
    image: np.ndarray, one: Organelle, depth: np.ndarray, points: np.ndarray, grain: np.ndarray
) -> np.ndarray:
    """Paint an organelle: interior, folds of a mitochondrion, outline."""
    inside = np.clip(depth, 0, 1)
    image = _mix(image, one.tone + 0.03 * grain, inside)
    if KINDS[one.kind] == "dense body":
        return image
    if KINDS[one.kind] == "mitochondrion":
        long = one.axes[2] / np.linalg.norm(one.axes[2])
        along = (points - one.center) @ long + 1.6 * grain
        folds = np.clip(1.6 * np.cos(2 * np.pi * along / one.period) - 0.5, 0, 1)
        image = _mix(image, one.tone - 0.24, folds * np.clip((depth - 2.5) / 1.5, 0, 1))
    return _mix(image, 0.17, inside * np.exp(-(((depth - 0.8) / 1.1) ** 2)))
