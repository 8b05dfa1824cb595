# SPDX-License-Identifier: Apache-2.0
"""File operations for split lists: pair folders, write lists atomically, import lists."""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rankseg.datasets.base import hint, recognize_list
from rankseg.datasets.splits.splits import (
    LABELED_FILE,
    UNLABELED_FILE,
    VAL_FILE,
    Entry,
    check_duplicates,
    check_inside,
    check_split,
    format_list,
    read_list,
)
from rankseg.imageio.listing import ENDINGS, walk_images

NO_LISTS = ("classes", "readme", "license")
"""Prefixes of text files that are stored next to lists but are not lists."""


def pair_folders(data_root: str | Path, images: str, masks: str | None) -> list[Entry]:
    """Pair the images and masks of two folders by file name without suffix.

    Sub-folders are searched too: ``images/a/1.jpg`` is paired with ``masks/a/1.png``.

    Returns:
        Entries relative to the data root, sorted by image; the mask is ``None`` if there is none.

    Raises:
        FileNotFoundError: If a folder is missing or has no images.
        ValueError: If two files of a folder differ only in their suffix.
    """
    found = _by_stem(Path(data_root), images)
    ground = _by_stem(Path(data_root), masks) if masks else {}
    return [(image, ground.get(stem)) for stem, image in sorted(found.items())]


def _by_stem(root: Path, folder: str) -> dict[str, str]:
    if not (root / folder).is_dir():
        raise FileNotFoundError(
            f"Expected images or masks in folder {root / folder}, but it does not exist. Name the "
            "folder in the config or on the command line; data/README.md shows the layout. "
            f"{hint(root)}".rstrip()
        )
    files: dict[str, str] = {}
    for path in sorted(walk_images(root / folder)):
        stem = path.relative_to(root / folder).with_suffix("").as_posix()
        if stem in files:
            raise ValueError(
                f"Expected one file of each name, but {root / files[stem]} and {path} differ only "
                "in their suffix. Keep one of the two."
            )
        files[stem] = path.relative_to(root).as_posix()
    if not files:
        raise FileNotFoundError(
            f"Expected folder {root / folder} to hold images, but got none. Supported suffixes are "
            f"{', '.join(ENDINGS)}."
        )
    return files


def write_lists(
    folder: str | Path, lists: Mapping[str, Sequence[Entry]], force: bool = False
) -> list[Path]:
    """Write several lists, either all or none.

    All lists are first written into a hidden folder next to the targets and then moved.

    Args:
        folder: The ``splits`` folder; created if missing.
        lists: Entries by file name, such as ``"1_16/labeled.txt"`` or ``"val.txt"``.
        force: Overwrite existing lists.

    Returns:
        Paths of the written files.

    Raises:
        ValueError: If a list exists and ``force`` is not set, its path is not directly in
            ``folder`` or a split folder, or a name in it points outside the data root, the parent
            of ``folder``.
    """
    folder = Path(folder)
    for name, entries in lists.items():
        _check_name(folder, name)
        files = [(image, mask if _is_file(mask) else None) for image, mask in entries]
        check_inside(files, folder.parent, f"list {name}")
    existing = [folder / name for name in lists if (folder / name).exists()]
    if existing and not force:
        raise ValueError(
            f"{existing[0]} already exists. Choose another name, or replace it with --force."
        )
    folder.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        for name, entries in lists.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_text(format_list(entries), encoding="utf-8")
        for unit in sorted({name.split("/")[0] for name in lists}):
            if (folder / unit).is_dir():
                for file in (staged / unit).iterdir():
                    os.replace(file, folder / unit / file.name)
            else:
                os.replace(staged / unit, folder / unit)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return [folder / name for name in lists]


def _is_file(label: str | None) -> bool:
    """Return whether the second column of a line is a mask rather than a class or missing."""
    return label is not None and label.lower().endswith(ENDINGS)


def _check_name(folder: Path, name: str) -> None:
    """Check that a list ``SPLIT/FILE`` or ``FILE`` is directly below the folder of splits."""
    parts = name.split("/")
    if len(parts) > 2 or any(not part.isprintable() or part[:1] in ("", ".") for part in parts):
        raise ValueError(
            "Expected the name of a split to be a single folder name, such as 'mine' or "
            f"'1_16_seed0', but got {'/'.join(parts[:-1]) or name!r}. Choose another name."
        )
    for path in (folder / parts[0], folder / name):
        if path.is_symlink():
            raise ValueError(
                f"Expected {path} to be a folder or a list, but it is a link to "
                f"{os.readlink(path)}, and nothing is written outside the folder of splits. Choose "
                "another name."
            )


def find_images(path: str | Path, entries: Sequence[Entry], folder: str = "") -> list[int]:
    """Find the images of a published list among the available entries.

    The list may name images like the entries, without the leading folder, or by their bare file
    names if these are unique.

    Args:
        path: Path of the list; anything after the image in a line is ignored.
        entries: The available images.
        folder: Leading folder that the list may omit.

    Returns:
        Sorted positions in ``entries``.

    Raises:
        FileNotFoundError: If the list does not exist.
        ValueError: If the list is empty, names an image twice, or names an unavailable one.
    """
    wanted = read_list(path)
    check_duplicates(wanted, str(path))
    rows = {image: i for i, (image, _) in enumerate(entries)}
    alone: dict[str, int] = {}
    for image, i in rows.items():
        base = image.rsplit("/", 1)[-1]
        alone[base] = -1 if base in alone else i
    found = []
    for image, _ in wanted:
        row = rows.get(image, rows.get(f"{folder}/{image}", alone.get(image, -1)))
        if row < 0:
            raise ValueError(
                f"Expected {path} to name images of the data set, but got {image}, which is none "
                f"of the {len(entries)} images. Write names such as {entries[0][0]}."
            )
        found.append(row)
    return sorted(found)


def find_splits(folder: str | Path) -> dict[str, Path]:
    """Find split folders by name: the folder or its direct sub-folders with a labeled list."""
    folder = Path(folder)
    if (folder / LABELED_FILE).is_file():
        return {folder.resolve().name: folder}
    found = sorted(path.parent for path in folder.glob(f"*/{LABELED_FILE}"))
    return {path.name: path for path in found if not path.name.startswith(".")}


def collect_lists(
    source: str | Path,
    val: Sequence[Entry] | None = None,
    mask_folder: str | None = None,
) -> dict[str, list[Entry]]:
    """Read and check a folder of lists in the usual layout, without writing anything.

    If the first image is in the image folder of a published data set, sizes are checked too.

    Args:
        source: A folder with ``NAME/labeled.txt`` and ``NAME/unlabeled.txt``, optionally
            ``NAME/val.txt``, ``val.txt`` and other lists; or one such ``NAME`` folder.
        val: Validation list to check against if the folder has none.
        mask_folder: Replacement for the first folder of every mask, for example
            ``SegmentationClassAug``.

    Returns:
        Entries by file name, in the form that :func:`write_lists` expects.

    Raises:
        FileNotFoundError: If the folder has no split, or a split lacks its unlabeled list.
        ValueError: If a check fails.
    """
    source = Path(source)
    splits = find_splits(source)
    if not splits:
        raise FileNotFoundError(
            f"Expected folder {source} to hold NAME/{LABELED_FILE} and NAME/{UNLABELED_FILE}, but "
            "got no split. Name the folder of the lists."
        )
    lists: dict[str, list[Entry]] = {}
    if source not in splits.values():
        for path in sorted(source.glob("*.txt")):
            if path.name.lower().startswith(NO_LISTS):
                continue
            lists[path.name] = read_list(path)
            check_duplicates(lists[path.name], str(path))
    val = lists.get(VAL_FILE, val)
    for name, folder in splits.items():
        labeled, unlabeled = (read_list(folder / file) for file in (LABELED_FILE, UNLABELED_FILE))
        lists[f"{name}/{LABELED_FILE}"] = labeled
        lists[f"{name}/{UNLABELED_FILE}"] = unlabeled
        own = folder / VAL_FILE
        if own.is_file():
            lists[f"{name}/{VAL_FILE}"] = read_list(own)
        held_out = lists.get(f"{name}/{VAL_FILE}", val)
        kind = recognize_list(labeled)
        check_split(name, labeled, unlabeled, held_out, kind and kind.SPLITS)
    if mask_folder:
        lists = {name: _move_masks(entries, mask_folder) for name, entries in lists.items()}
    return lists


def _move_masks(entries: Sequence[Entry], folder: str) -> list[Entry]:
    return [
        (image, mask and "/".join([folder.strip("/"), *mask.split("/")[1:]]))
        for image, mask in entries
    ]
