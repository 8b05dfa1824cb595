# SPDX-License-Identifier: Apache-2.0
"""Panel of pictures with a row per image, a column per kind of view, and a legend of classes."""

from collections.abc import Sequence

import cv2
import numpy as np

MARGIN = 6
TEXT = 22  # height of a line of text, in pixels
INK = (40, 40, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_panel(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str],
    classes: Sequence[str] = (),
    palette: Sequence[Sequence[int]] = (),
    cell: tuple[int, int] = (180, 240),
) -> np.ndarray:
    """Draw pictures in rows and columns on white.

    Args:
        rows: One uint8 RGB picture per column for every row. Each is scaled to its cell and keeps
            its aspect ratio.
        titles: Title of every column.
        classes: Class names of the legend below; no legend if empty.
        palette: RGB colors of the legend, one for every class.
        cell: Height and width of a cell in pixels.

    Returns:
        uint8 RGB.

    Raises:
        ValueError: If a row does not have one picture per title, or a class has no color.
    """
    for i, row in enumerate(rows):
        if len(row) != len(titles):
            raise ValueError(f"row {i} has {len(row)} pictures for {len(titles)} titles: {titles}")
    if len(palette) < len(classes):
        raise ValueError(f"{len(classes)} classes but only {len(palette)} colors")
    step = cell[0] + MARGIN, cell[1] + MARGIN
    width = MARGIN + step[1] * len(titles)
    height = TEXT + MARGIN + step[0] * len(rows)
    panel = np.full((height, width, 3), 255, np.uint8)
    for column, title in enumerate(titles):
        title = cut_text(title, cell[1], 0.5)
        _write(panel, title, MARGIN + column * step[1], TEXT - MARGIN)
        for i, row in enumerate(rows):
            picture = fit(row[column], cell)
            y, x = TEXT + MARGIN + i * step[0], MARGIN + column * step[1]
            panel[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    if not classes:
        return panel
    return np.concatenate([panel, draw_legend(classes, palette, width)])


def draw_legend(classes: Sequence[str], palette: Sequence[Sequence[int]], width: int) -> np.ndarray:
    """Draw color swatches with names, in as many lines as the width requires; uint8 RGB."""
    places, x, line = [], MARGIN, 0
    for name in classes:
        (length, _), _ = cv2.getTextSize(name, FONT, 0.5, 1)
        if x > MARGIN and x + TEXT + length > width:
            x, line = MARGIN, line + 1
        places.append((x, line * TEXT))
        x += TEXT + length + 2 * MARGIN
    legend = np.full(((line + 1) * TEXT + MARGIN, width, 3), 255, np.uint8)
    for name, color, (x, y) in zip(classes, palette, places, strict=False):
        corners = (x, y + 4), (x + TEXT - 8, y + TEXT - 4)
        cv2.rectangle(legend, *corners, tuple(map(int, color)), cv2.FILLED)
        cv2.rectangle(legend, *corners, INK, 1)
        _write(legend, name, x + TEXT - 4, y + TEXT - MARGIN)
    return legend


def _write(canvas: np.ndarray, text: str, x: int, y: int) -> None:
    cv2.putText(canvas, text, (x, y), FONT, 0.5, INK, 1, cv2.LINE_AA)


def cut_text(text: str, width: int, size: float) -> str:
    """Shorten a text at its end to a width in pixels."""
    while text and cv2.getTextSize(text, FONT, size, 1)[0][0] > width:
        text = text[:-1]
    return text


def fit(picture: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """Scale a picture to fit a height and width, with its aspect ratio kept."""
    height, width = picture.shape[:2]
    scale = min(cell[0] / height, cell[1] / width)
    return cv2.resize(
        picture,
        _scaled(height, width, scale),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST,
    )


def fit_label(label: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """Scale an ``(H, W)`` map of class ids in the same way, to uint8, without mixing ids."""
    height, width = label.shape
    size = _scaled(height, width, min(cell[0] / height, cell[1] / width))
    return cv2.resize(label.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)


def _scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    """Return the scaled size as width and height, the order of OpenCV."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def cell_for(picture: np.ndarray, height: int) -> tuple[int, int]:
    """Return a cell of a height with the aspect ratio of a picture, between 1:2 and 2:1."""
    width = round(height * picture.shape[1] / picture.shape[0])
    return height, min(max(width, height // 2), 2 * height)


def encode(picture: np.ndarray, kind: str = ".png") -> bytes:
    """Encode a uint8 RGB picture as the content of a ``.png`` or ``.jpg`` file."""
    return cv2.imencode(kind, np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()
