# SPDX-License-Identifier: Apache-2.0
"""Synthetic scenes of the demo set with six kinds of objects, painted with NumPy and OpenCV.

A kind is defined by its outline and texture. Color, size, angle, light, blur and occlusion are
nuisance factors: they vary between images, so a few labeled images never cover them. Plain patches
of any color are scattered as clutter and belong to the background.
"""

from collections.abc import Callable

import cv2
import numpy as np

CLASSES = ("background", "ball", "crate", "leaf", "tyre", "bush", "flower")
PALETTE = (
    (0, 0, 0),
    (230, 70, 60),
    (200, 140, 60),
    (90, 190, 80),
    (80, 110, 210),
    (30, 130, 120),
    (220, 110, 210),
)
# Typical hue of each kind in turns of the color circle; the variation is wide, see `_color`.
HUES = (0.0, 0.13, 0.29, 0.62, 0.45, 0.83)
HUE_SPREAD = 0.04

Outline = tuple[np.ndarray, np.ndarray]


def paint_scene(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Paint one image and its label map.

    Args:
        rng: Random number generator; the same state gives the same scene.

    Returns:
        The image, uint8 ``(H, W, 3)`` RGB, and its classes, uint8 ``(H, W)`` in ``[0, 7)``, with
        ``96 <= H <= 120`` and ``128 <= W <= 160``.
    """
    height, width = int(rng.integers(96, 121)), int(rng.integers(128, 161))
    image = _ground(rng, height, width)
    label = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(0, 2)):
        _place(rng, image, label, kind=0)
    for _ in range(rng.integers(3, 7)):
        _place(rng, image, label, kind=int(rng.integers(1, len(CLASSES))))
    return _photograph(rng, image), label


def noise(
    rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 3
) -> np.ndarray:
    """Return a smooth random field, float32 ``(height, width)`` in about ``[-1, 1]``.

    Args:
        rng: Random number generator.
        height: Rows of the field.
        width: Columns of the field.
        cell: Size in pixels of the largest blobs; every octave halves it.
        octaves: Number of fields to add, each with half the strength of the previous one.
    """
    field = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = max(cell / 2**octave, 1.0)
        grid = rng.uniform(-1, 1, (int(height / size) + 3, int(width / size) + 3))
        grid = cv2.resize(grid.astype(np.float32), None, fx=size, fy=size, interpolation=2)
        field += grid[:height, :width] / 2**octave
    return field


def _color(rng: np.random.Generator, hue: float | None = None) -> np.ndarray:
    """Draw a color, float32 ``(3,)`` in ``[0, 1]``, near a hue, or a dull color without one."""
    turn = rng.uniform() if hue is None else hue + rng.normal(0, HUE_SPREAD)
    saturation = rng.uniform(0.0, 0.3) if hue is None else rng.uniform(0.5, 1.0)
    value = rng.uniform(0.4, 0.95)
    wheel = np.abs((turn * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    return (value * (1 - saturation * (1 - np.clip(wheel, 0, 1)))).astype(np.float32)


def _ground(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint two textured areas that meet at a wavy horizon, float32 ``(H, W, 3)``."""
    rows = np.arange(height, dtype=np.float32)[:, None] / height
    wave = 0.08 * noise(rng, height, width, 60, octaves=2)
    above = (rows + wave < rng.uniform(0.0, 0.7)).astype(np.float32)
    above = cv2.GaussianBlur(above, (0, 0), rng.uniform(0.5, 3.0))[..., None]
    areas = []
    for _ in range(2):
        rough = noise(rng, height, width, rng.uniform(8, 40), octaves=4)
        strength = rng.uniform(0.1, 0.45)
        areas.append(_color(rng) * rng.uniform(0.5, 1) * (1 + strength * rough[..., None]))
    return above * areas[0] + (1 - above) * areas[1]


def _place(rng: np.random.Generator, image: np.ndarray, label: np.ndarray, kind: int) -> None:
    """Paint one object, or clutter for kind 0, into image and label map."""
    height, width = label.shape
    radius = float(np.exp(rng.uniform(np.log(18), np.log(42))))
    center = rng.uniform((0, 0), (width, height))
    angle, squeeze = rng.uniform(0, 2 * np.pi), rng.uniform(0.75, 1.0)
    x = (np.arange(width, dtype=np.float32)[None, :] - np.float32(center[0])) / radius
    y = (np.arange(height, dtype=np.float32)[:, None] - np.float32(center[1])) / radius
    u = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    v = (np.float32(np.cos(angle)) * y - np.float32(np.sin(angle)) * x) / np.float32(squeeze)
    inside, relief = KINDS[kind](u, v, rng)
    solid = inside.astype(np.float32)
    shadow = cv2.GaussianBlur(np.roll(solid, 3, axis=0), (0, 0), 3.0)[..., None]
    alpha = cv2.GaussianBlur(solid, (0, 0), rng.uniform(0.4, 0.9))[..., None]
    grain = 1 + 0.08 * noise(rng, height, width, 6, octaves=2)
    paint = _color(rng, HUES[kind - 1] if kind else None) * (relief * grain)[..., None]
    image *= 1 - rng.uniform(0, 0.35) * shadow
    image *= 1 - alpha
    image += alpha * paint
    label[inside] = kind


def _ball(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    square = u**2 + v**2
    shading = 0.45 + 0.6 * np.sqrt(np.clip(1 - square, 0, 1))
    glint = np.exp(-((u + 0.35) ** 2 + (v + 0.35) ** 2) / 0.04)
    band = 1 - 0.4 * (np.abs(v - 0.5 * u**2) < 0.15)
    return square < 1, shading * band + 0.7 * glint


def _crate(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    reach = np.maximum(np.abs(u), np.abs(v))
    planks = np.abs((v * rng.uniform(1.8, 2.8)) % 1 - 0.5) > 0.4
    frame = reach > 0.72
    relief = 1.0 - 0.5 * (planks & ~frame) + 0.2 * frame
    return reach < 0.88, relief - 0.4 * (np.abs(reach - 0.72) < 0.05)


def _leaf(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    half = 0.75 * np.clip(1 - u**2, 0, 1)
    slanted = np.abs(((u - 0.8 * np.abs(v)) * 3.2) % 1 - 0.5) > 0.38
    midrib = np.abs(v) < 0.05
    return (np.abs(v) < half) & (np.abs(u) < 1), 0.85 + 0.35 * (slanted | midrib)


def _tyre(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    radius = np.hypot(u, v)
    turn = np.arctan2(v, u) / (2 * np.pi)
    tread = (turn * rng.integers(14, 22)) % 1 < 0.45
    rim = np.abs(radius - 0.62) < 0.08
    relief = 0.55 + 0.3 * tread * (radius > 0.7) + 0.5 * rim
    return (radius > 0.42) & (radius < 1), relief


def _bush(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    turn = np.arctan2(v, u)
    first, second = rng.uniform(0, 2 * np.pi, 2)
    edge = 0.82 + 0.10 * np.sin(5 * turn + first) + 0.08 * np.sin(9 * turn + second)
    foliage = noise(rng, *u.shape, cell=5, octaves=2)
    return np.hypot(u, v) < edge, 0.7 + 0.45 * np.sign(foliage) * np.sqrt(np.abs(foliage))


def _flower(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    radius, turn = np.hypot(u, v), np.arctan2(v, u)
    edge = 0.78 + 0.2 * np.cos(rng.integers(5, 8) * turn)
    return radius < edge, np.where(radius < 0.28, 0.35, 0.7 + 0.5 * radius)


def _clutter(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Outline:
    """Draw plain polygons that belong to the background."""
    inside = np.hypot(u, v) < 1
    for turn in np.arange(rng.integers(3, 6)) * rng.uniform(1.2, 2.1):
        inside &= np.cos(turn) * u + np.sin(turn) * v < rng.uniform(0.35, 0.8)
    return inside, np.full(u.shape, rng.uniform(0.5, 1.1), np.float32)


KINDS: tuple[Callable[..., Outline], ...] = (_clutter, _ball, _crate, _leaf, _tyre, _bush, _flower)


def _photograph(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add light, color cast, lens blur and sensor noise; float32 in, uint8 out."""
    height, width = image.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 0.35) * (np.cos(angle) * x + np.sin(angle) * y)
    cast = 1 + rng.uniform(-0.15, 0.15, 3)
    image = np.clip(image * rng.uniform(0.55, 1.25) * (1 + slope) * cast, 0, 1)
    image = image ** rng.uniform(0.8, 1.3)
    image = cv2.GaussianBlur(image, (0, 0), np.exp(rng.uniform(np.log(0.25), np.log(0.9))))
    image = image + rng.normal(0, rng.uniform(0.0, 0.025), image.shape)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
