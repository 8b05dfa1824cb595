# SPDX-License-Identifier: Apache-2.0
"""Activation maps of the agents of RankMatch in an image (figure 5 of the paper)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.visualization.panel import cell_for, draw_panel, fit

COLUMNS = 4
HEIGHT = 220  # height of a picture, in pixels
YELLOW, DARK = (255, 225, 0), (20, 20, 20)


class AgentMap(NamedTuple):
    """Agent with its activation map.

    Attributes:
        number: Number in the order of selection, from 1.
        position: Row and column in the image, in pixels.
        activation: ``(H, W)`` float in ``[0, 1]`` at the size of the image: softmax over the agents
            of the correlation of every pixel with each agent (eq. 4).
        share: Share of the image, in ``[0, 1]``, whose nearest agent is this one.
    """

    number: int
    position: tuple[float, float]
    activation: np.ndarray
    share: float


def draw_agent_maps(
    image: np.ndarray,
    positions: Sequence[tuple[float, float]],
    shown: Sequence[AgentMap],
    truth: np.ndarray | None = None,
) -> np.ndarray:
    """Draw an image with all agents, its truth, and the activation maps of some agents.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        positions: Row and column of every agent, in pixels.
        shown: Agents whose maps are drawn, each scaled to its maximum.
        truth: ``(H, W, 3)`` uint8 colors of the classes, if they are known.

    Returns:
        uint8 RGB.
    """
    cell = cell_for(image, HEIGHT)
    small = fit(image, cell)
    scale = small.shape[0] / image.shape[0]
    marked = small.copy()
    for row, column in positions:
        _cross(marked, row * scale, column * scale, 4)
    pictures, titles = [marked], [f"image, {len(positions)} agents"]
    if truth is not None:
        pictures.append(fit(truth, cell))
        titles.append("truth")
    for one in shown:
        heat = heat_over(small, one.activation)
        _cross(heat, one.position[0] * scale, one.position[1] * scale, 9)
        pictures.append(heat)
        titles.append(f"agent {one.number}: {100 * one.share:.0f}%")
    blank = np.full((1, 1, 3), 255, np.uint8)
    columns = min(COLUMNS, len(pictures))
    missing = -len(pictures) % columns
    pictures, titles = pictures + [blank] * missing, titles + [""] * missing
    rows = range(0, len(pictures), columns)
    panels = [
        draw_panel([pictures[i : i + columns]], titles[i : i + columns], cell=cell) for i in rows
    ]
    return np.concatenate(panels)


def heat_over(image: np.ndarray, activation: np.ndarray, peak: float | None = None) -> np.ndarray:
    """Blend an image with a heat map of its activation, more opaque for high values.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        activation: ``(h, w)`` float, 0 or more.
        peak: Value that gets the last color; the maximum by default.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    height, width = image.shape[:2]
    value = cv2.resize(activation.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    value = (value / max(float(value.max()) if peak is None else peak, 1e-12)).clip(0, 1)
    colors = cv2.applyColorMap(np.rint(255 * value).astype(np.uint8), cv2.COLORMAP_TURBO)
    opacity = 0.2 + 0.5 * value[..., None]
    mixed = opacity * colors[..., ::-1] + (1 - opacity) * image
    return np.ascontiguousarray(np.rint(mixed).astype(np.uint8))


def _cross(picture: np.ndarray, row: float, column: float, arm: int) -> None:
    """Draw a yellow cross with a dark rim, which is visible on every color."""
    at = round(column), round(row)
    for color, thickness in ((DARK, 3), (YELLOW, 1)):
        cv2.drawMarker(picture, at, color, cv2.MARKER_CROSS, 2 * arm, thickness)
