# SPDX-License-Identifier: Apache-2.0
"""Raw images and masks of users, in every encoding in common use."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 72, 96
COLORS = ((0, 0, 0), (0, 0, 255), (255, 128, 0))
KINDS = ("ids", "ids_255", "binary", "levels", "palette", "colors", "rgb_binary", "tiff16", "rgba")


def scene(seed: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Draw an image, uint8 ``(H, W, 3)``, with rectangles of every class; return it and its ids."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    for k in range(1, classes):
        top, left = rng.integers(0, HEIGHT // 2), rng.integers(0, WIDTH // 2)
        ids[top : top + HEIGHT // 3, left + 8 * k : left + 8 * k + WIDTH // 4] = k
    ids[-1, -classes:] = np.arange(classes)
    noise = rng.integers(0, 40, (HEIGHT, WIDTH, 3))
    return np.uint8(ids[..., None] * 70 + noise), ids


def encode_mask(ids: np.ndarray, kind: str) -> Image.Image:
    """Encode class ids as a picture of one of :data:`KINDS`."""
    if kind == "binary":
        return Image.fromarray(np.uint8(ids > 0) * 255)
    if kind == "rgb_binary":
        return Image.fromarray(np.repeat(np.uint8(ids > 0)[..., None] * 255, 3, 2))
    if kind == "levels":
        return Image.fromarray(np.array([0, 127, 255], np.uint8)[ids])
    if kind == "tiff16":
        return Image.fromarray(np.array([0, 300, 600], np.uint16)[ids])
    if kind in ("colors", "rgba"):
        image = Image.fromarray(np.array(COLORS, np.uint8)[ids])
        if kind == "rgba":
            image.putalpha(Image.fromarray(np.uint8(ids > 0) * 255))
        return image
    if kind == "ids_255":
        ids = ids.copy()
        ids[0] = 255
    image = Image.fromarray(ids)
    if kind == "palette":
        image.putpalette([channel for color in COLORS for channel in color])
    return image


def write_raw(
    root: Path, kind: str = "ids", masks: int = 6, more: int = 4, suffix: str = ""
) -> tuple[Path, Path]:
    """Write and return folders ``images`` and ``masks``; the last ``more`` images have no mask."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for i in range(masks + more):
        image, ids = scene(i)
        Image.fromarray(image).save(root / f"images/{i:02}.png")
        if i < masks:
            ending = "tif" if kind == "tiff16" else "png"
            encode_mask(ids, kind).save(root / f"masks/{i:02}{suffix}.{ending}")
    return root / "images", root / "masks"


def write_coco(root: Path, masks: int = 6, more: int = 4) -> tuple[Path, Path]:
    """Write ``images`` and ``outlines.json``, with nested boxes in the first ``masks`` images."""
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(masks + more):
        Image.fromarray(scene(i)[0]).save(root / f"images/{i:02}.png")
        name = f"{i:02}.png"
        images.append({"id": i + 1, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for category, (side, start) in {7: (40, 10), 3: (10, 20)}.items() if i < masks else ():
            end = start + side
            outline = [start, start, end, start, end, end, start, end]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": category,
                    "segmentation": [outline],
                    "area": side * side,
                    "bbox": [start, start, side, side],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 3, "name": "nucleus"}, {"id": 7, "name": "cell"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "outlines.json").write_text(json.dumps(content))
    return root / "images", root / "outlines.json"
