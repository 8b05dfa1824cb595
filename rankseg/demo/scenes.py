# SPDX-License-Identifier: Apache-2.0
"""Generated demo set in PASCAL VOC layout with few labeled and many unlabeled scenes."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from rankseg.datasets.class_names import CLASSES_FILE
from rankseg.demo.scene import CLASSES, PALETTE, paint_scene

SPLIT = "few"
LABELED, UNLABELED, VAL = 8, 240, 60  # number of images in each part
STAMP = "demo.json"
VERSION = 1  # increase it when the same arguments give other pixels
JPEG_QUALITY = 92
SEEN = 500  # minimum pixels of a clearly visible object


def make_demo_set(
    root: str | Path,
    seed: int = 0,
    labeled: int = LABELED,
    unlabeled: int = UNLABELED,
    val: int = VAL,
) -> Path:
    """Write the demo set, unless the same one already exists.

    The folder contains ``JPEGImages``, ``SegmentationClass`` (palette PNG, only for labeled and
    validation images: unlabeled images have no mask on disk), ``splits/few/labeled.txt``,
    ``splits/few/unlabeled.txt``, ``splits/val.txt`` and ``classes.txt``. It is written to a
    temporary folder and moved when complete. With at least six labeled images, every kind of object
    covers at least 500 pixels in at least two of them.

    Args:
        root: Folder to create. A different demo set there is replaced; any other folder is kept.
        seed: The same seed and counts give the same files.
        labeled: Number of labeled images.
        unlabeled: Number of unlabeled images.
        val: Number of validation images.

    Returns:
        The folder.

    Raises:
        ValueError: If a number is below 1, or ``root`` exists and is not a demo set.
    """
    counts = {"labeled": labeled, "unlabeled": unlabeled, "val": val}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"Expected {name} of the demo set to be 1 or more, but got {count}.")
    root = Path(root)
    stamp = {"version": VERSION, "seed": seed, **counts}
    if _is_there(root, stamp):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        _write_set(partial, seed, counts)
        (partial / STAMP).write_text(json.dumps(stamp) + "\n")
        partial.chmod(0o755)
        if root.exists():
            shutil.rmtree(root)
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def _is_there(root: Path, stamp: dict[str, int]) -> bool:
    """Return whether exactly this set already exists; raise if ``root`` holds anything else."""
    path = root / STAMP
    if path.is_file():
        try:
            return json.loads(path.read_text()) == stamp
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"Expected {path} to be the note of a demo set, but got something else. Remove "
                f"{root}, or name a new folder"
            ) from error
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(
            f"Expected {root} to be a new folder or a demo set, but it has no {STAMP}. Name "
            "another folder, or remove this one."
        )
    return False


def _write_set(root: Path, seed: int, counts: dict[str, int]) -> None:
    for folder in ("JPEGImages", "SegmentationClass", f"splits/{SPLIT}"):
        (root / folder).mkdir(parents=True)
    lists = {part: _write_part(root, seed, part, count) for part, count in counts.items()}
    for half in ("labeled", "unlabeled"):
        (root / "splits" / SPLIT / f"{half}.txt").write_text(lists[half])
    (root / "splits/val.txt").write_text(lists["val"])
    (root / CLASSES_FILE).write_text("".join(f"{name}\n" for name in CLASSES))


def _write_part(root: Path, seed: int, part: str, count: int) -> str:
    """Write the images of one part and return the lines of its list."""
    lines = []
    for i in range(count):
        image, label = _scene(seed, part, i)
        name = f"JPEGImages/{part}_{i:04}.jpg"
        Image.fromarray(image).save(root / name, quality=JPEG_QUALITY)
        if part != "unlabeled":
            mask = f"SegmentationClass/{part}_{i:04}.png"
            _save_mask(root / mask, label)
            name = f"{name} {mask}"
        lines.append(f"{name}\n")
    return "".join(lines)


def _scene(seed: int, part: str, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Paint scene ``i`` of a part; repaint labeled ones until two assigned kinds are visible."""
    stream = ("labeled", "unlabeled", "val").index(part)
    kinds = len(CLASSES) - 1
    wanted = [1 + i % kinds, 1 + (i + kinds // 2) % kinds] if part == "labeled" else []
    for attempt in range(1000):
        image, label = paint_scene(np.random.default_rng((seed, stream, i, attempt)))
        if all((label == kind).sum() >= SEEN for kind in wanted):
            break
    return image, label


def _save_mask(path: Path, label: np.ndarray) -> None:
    mask = Image.fromarray(label, mode="L")
    mask.putpalette(np.array(PALETTE, np.uint8).tobytes())
    mask.save(path)
