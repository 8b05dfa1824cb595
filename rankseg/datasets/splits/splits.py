# SPDX-License-Identifier: Apache-2.0
"""Labeled and unlabeled split lists: format, reader and checks.

A list has one sample per line, ``image mask`` or just ``image``, with names relative to the data
root; for classification ``image class``. A split is a folder with two lists, named like the split,
and optionally a validation list::

    DATA_ROOT/splits/val.txt
    DATA_ROOT/splits/1_16/labeled.txt
    DATA_ROOT/splits/1_16/unlabeled.txt
    DATA_ROOT/splits/1_16/val.txt
"""

import codecs
import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rankseg.errors import FileError
from rankseg.imageio.listing import ENDINGS

Entry = tuple[str, str | None]
"""Image and its label (mask or class) as the list names them; None if the list names no label."""

LABELED_FILE, UNLABELED_FILE, VAL_FILE = "labeled.txt", "unlabeled.txt", "val.txt"

LONGEST = 10_000  # characters of a line: two of the longest Linux paths, and blanks

_VOC = {"92": 92, "183": 183, "366": 366, "732": 732, "1464": 1464}
_VOC |= {f"{pre}{name}": n for pre in ("", "u2pl_") for name, n in
         (("1_16", 662), ("1_8", 1323), ("1_4", 2646))}  # fmt: skip
_CITYSCAPES = {"1_30": 100, "1_16": 186, "1_8": 372, "1_4": 744, "1_2": 1488}

PUBLISHED = {"voc": (10582, _VOC), "cityscapes": (2975, _CITYSCAPES)}
"""For each family: size of the whole training set, and labeled images by split name."""

FIRST_FOLDER = {"JPEGImages": "voc", "leftImg8bit": "cityscapes"}

HOW_TO_MAKE = "make it with `python tools/make_splits.py draw` or `... import` (see --help)"


def read_list(path: str | Path) -> list[Entry]:
    """Read a list of samples.

    Blank lines and lines that start with ``#`` are skipped. Names may contain blanks: a TAB then
    separates image and mask. Without a TAB, the line is split at the blank that leaves a known
    image suffix (``.png``, ``.jpg``, ...) on both sides.

    Returns:
        ``(image, mask)`` per line; the mask is ``None`` if there is none.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the list is empty or a line cannot be parsed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"split list {path} does not exist: {HOW_TO_MAKE}")
    entries = []
    for number, line in enumerate(_lines(path), start=1):
        if len(line) > LONGEST:
            raise FileError(
                f"{path}, line {number} has {len(line)} characters: expected one sample per line, "
                f"which is never longer than {LONGEST}; put line breaks between the samples"
            )
        if line.strip() and not line.lstrip().startswith("#"):
            entries.append(_parse_line(line.strip(), f"{path}, line {number}"))
    if not entries:
        raise FileError(
            f"split list {path} is empty: expected one 'image mask' or 'image' per line; "
            f"{HOW_TO_MAKE}"
        )
    return entries


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file; other Unicode breaks may be part of names."""
    content = path.read_bytes()
    cure = "save it as UTF-8 text, one sample per line"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError(f"split list {path} is UTF-16 text: expected UTF-8; {cure}")
    if b"\0" in content:
        raise FileError(f"split list {path} holds zero bytes and is no text: {cure}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"split list {path} is no UTF-8 text (line {number} holds the byte "
            f"0x{content[error.start]:02x}): {cure}"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _parse_line(line: str, where: str) -> Entry:
    if "\t" in line:
        parts = [part.strip() for part in line.split("\t") if part.strip()]
    else:
        cuts = [match.span() for match in re.finditer(r"\s+", line)]
        pairs = [[line[:a], line[b:]] for a, b in cuts if _named(line[:a]) and _named(line[b:])]
        if len(pairs) > 1:
            parts = []
        elif pairs:
            parts = pairs[0]
        else:
            words = line.split()
            alone = len(words) == 1 or (_named(line) and not _named(words[0]))
            parts = [line] if alone else words
    if len(parts) not in (1, 2):
        raise FileError(
            f"{where}: cannot tell image from mask in '{line}': put a TAB between the two names"
        )
    names = [posixpath.normpath(part) for part in parts]
    return names[0], (names[1] if len(names) == 2 else None)


def _named(text: str) -> bool:
    return text.lower().endswith(ENDINGS)


def format_list(entries: Sequence[Entry]) -> str:
    """Format a list for :func:`read_list`, with TABs only if names contain blanks.

    Raises:
        ValueError: If a name cannot be separated from the rest of its line, for example because it
            contains a line break or starts with ``#``.
    """
    lines = []
    for image, mask in entries:
        gap = "\t" if any(c.isspace() for c in f"{image}{mask or ''}") else " "
        line = image if mask is None else f"{image}{gap}{mask}"
        if not _is_read_back(line, image, mask):
            raise ValueError(
                f"the name {_odd(image, mask)!r} cannot be written into a list, which would not be "
                "read back as it is: rename the file (no line breaks, TABs, blanks at either end, "
                "nor '#' in front)"
            )
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _is_read_back(line: str, image: str, mask: str | None) -> bool:
    """Return whether parsing a line gives the entry it was formatted from."""
    if len(line) > LONGEST or line != line.strip() or line[:1] in ("", "#", "\ufeff"):
        return False
    if any(c in "\n\r\0" or "\ud800" <= c <= "\udfff" for c in line):
        return False
    wanted = (posixpath.normpath(image), mask and posixpath.normpath(mask))
    try:
        return _parse_line(line, "") == wanted
    except ValueError:
        return False


def _odd(image: str, mask: str | None) -> str:
    """Return the invalid name of the two."""
    return image if mask is None or not _is_read_back(image, image, None) else mask


def check_inside(
    entries: Sequence[Entry], data_root: str | Path, source: str, labels: bool = False
) -> None:
    """Check that no name of a list points outside the data root.

    Only names are checked: links inside the data root may point anywhere.

    Args:
        entries: The samples.
        data_root: Folder that names are relative to.
        source: Name of the list, for the message.
        labels: Whether the second column is a class rather than a file.

    Raises:
        ValueError: If a name points outside; reports the first one.
    """
    root = os.path.abspath(data_root)
    for entry in entries:
        for name in entry[: 1 if labels else 2]:
            if name is None or not (name.startswith("/") or ".." in name):
                continue
            path = os.path.normpath(os.path.join(root, name))
            if not path.startswith(os.path.join(root, "")):
                raise ValueError(
                    f"{source} names {name}, which is not below the data root {root}: expected "
                    "names relative to it; set the data root higher, or link the folder into it"
                )


def guess_family(entries: Sequence[Entry]) -> str | None:
    """Return ``'voc'`` or ``'cityscapes'`` if the first image is in one of their folders."""
    return FIRST_FOLDER.get(entries[0][0].split("/")[0]) if entries else None


def check_counts(family: str, name: str, labeled: int, unlabeled: int) -> None:
    """Compare the sizes of a split with the published ones of the same name.

    Unpublished names are not checked. ``family`` is a key of :data:`PUBLISHED`.

    Raises:
        ValueError: If a split has a published name but another size.
    """
    total, sizes = PUBLISHED[family]
    if name in sizes and (labeled, unlabeled) != (sizes[name], total - sizes[name]):
        raise ValueError(
            f"split '{name}' has {labeled} labelled and {unlabeled} unlabelled images, the "
            f"published {family} split of this name has {sizes[name]} and {total - sizes[name]}: "
            "repair the lists, or give your own split another name"
        )


def check_duplicates(entries: Sequence[Entry], what: str) -> None:
    """Check that no image is listed twice; ``what`` names the list.

    Raises:
        ValueError: If an image is listed twice.
    """
    twice = [image for image, count in Counter(image for image, _ in entries).items() if count > 1]
    if twice:
        raise ValueError(f"{what} names {_images(twice)} more than once: keep one line for each")


def check_overlap(labeled: Sequence[Entry], unlabeled: Sequence[Entry], what: str) -> None:
    """Check that no image is both labeled and unlabeled; ``what`` names the split.

    Raises:
        ValueError: If an image is in both lists.
    """
    both = _common(labeled, unlabeled)
    if both:
        raise ValueError(
            f"{what}: {_images(both)} is listed as labelled and as unlabelled: take the line "
            "out of one of the two lists"
        )


def check_leakage(train: Sequence[Entry], val: Sequence[Entry], what: str, val_name: str) -> None:
    """Check that no validation image is used for training; ``what`` names the training list.

    Raises:
        ValueError: If an image is in both lists.
    """
    both = _common(train, val)
    if both:
        raise ValueError(
            f"{what}: {_images(both)} is also in the validation list {val_name}: validation "
            "would be too good; take the line out of one of the two lists"
        )


def check_split(
    name: str,
    labeled: Sequence[Entry],
    unlabeled: Sequence[Entry],
    val: Sequence[Entry] | None = None,
    family: str | None = None,
    val_name: str = VAL_FILE,
) -> None:
    """Run all list checks on one split; ``family`` adds the published sizes.

    Raises:
        ValueError: On the first check that fails.
    """
    for part, entries in (("labelled", labeled), ("unlabelled", unlabeled)):
        if not entries:
            raise ValueError(f"the {part} list of split '{name}' is empty: {HOW_TO_MAKE}")
        check_duplicates(entries, f"the {part} list of split '{name}'")
    check_overlap(labeled, unlabeled, f"split '{name}'")
    if val is not None:
        check_leakage(labeled, val, f"the labelled list of split '{name}'", val_name)
        check_leakage(unlabeled, val, f"the unlabelled list of split '{name}'", val_name)
    if family is not None:
        check_counts(family, name, len(labeled), len(unlabeled))


def fine_share(labeled: Sequence[Entry], fine: Sequence[Entry]) -> float:
    """Return the share in ``[0, 1]`` of labeled images that are in the finely annotated list.

    Images are compared by file name without folder and suffix, so a list of bare ids also works.
    """
    known = {Path(image).stem for image, _ in fine}
    return sum(Path(image).stem in known for image, _ in labeled) / len(labeled)


def _common(first: Sequence[Entry], second: Sequence[Entry]) -> list[str]:
    images = {image for image, _ in second}
    return [image for image, _ in first if image in images]


def _images(names: Sequence[str]) -> str:
    more = f" (the first of {len(names)} images)" if len(names) > 1 else ""
    return f"image {names[0]}{more}"
