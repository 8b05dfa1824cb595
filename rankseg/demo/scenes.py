# SPDX-License-Identifier: Apache-2.0
"""The generated demo set: a few labelled scenes, many unlabelled, in the folders of PASCAL VOC."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from rankseg.datasets.class_names import CLASSES_FILE
from rankseg.demo.scene import CLASSES, PALETTE, paint_scene

SPLIT = "few"
LABELED, UNLABELED, VAL = 8, 240, 60  # images in each part
STAMP = "demo.json"
VERSION = 1  # count up when the same arguments give other pixels
JPEG_QUALITY = 92
SEEN = 500  # pixels of an object that is seen well


def make_demo_set(
    root: str | Path,
    seed: int = 0,
    labeled: int = LABELED,
    unlabeled: int = UNLABELED,
    val: int = VAL,
) -> Path:
    """Write the demo set, or leave it alone where the same one is there already.

    The folder holds ``JPEGImages``, ``SegmentationClass`` (palette PNG, for labelled and validation
    images alone: an unlabelled image has no mask on disk), ``splits/few/labeled.txt``,
    ``splits/few/unlabeled.txt``, ``splits/val.txt`` and ``classes.txt``. It is written beside its
    place and moved there when complete. In a set with six labelled images or more every kind of
    object covers 500 pixels in two of them at least.

    Args:
        root: Folder to make. One of another demo set is replaced; any other is left alone.
        seed: The same seed and counts give the same files.
        labeled: Number of labelled images.
        unlabeled: Number of unlabelled images.
        val: Number of validation images.

    Returns:
        The folder.

    Raises:
        ValueError: If a number is below 1, or ``root`` exists and is no demo set.
    """
    counts = {"labeled": labeled, "unlabeled": unlabeled, "val": val}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name}={count}: a demo set needs at least one image in every part")
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
    """Whether this very set exists already.

    Raises:
        ValueError: If something else is there.
    """
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
            f"{root} exists and is no demo set (it has no {STAMP}): name a new folder, or remove it"
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
    """Write the images of one part; the lines of its list."""
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
    """Paint scene ``i`` of a part; a labelled one again until two kinds, in turn, are seen well."""
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
