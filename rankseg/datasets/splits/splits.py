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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rankseg.datasets.class_names import split_lines
from rankseg.errors import FileError
from rankseg.imageio.listing import ENDINGS

Entry = tuple[str, str | None]
"""Image and its label (mask or class) as the list names them; None if the list names no label."""

LABELED_FILE, UNLABELED_FILE, VAL_FILE = "labeled.txt", "unlabeled.txt", "val.txt"

LONGEST = 10_000  # characters of a line: two of the longest Linux paths, and blanks

HOW_TO_MAKE = "Make it with `python tools/make_splits.py draw` or `... import`; see --help."


class PublishedSplits(NamedTuple):
    """Published splits of a data set.

    Attributes:
        total: Size of the whole training set.
        labeled: Number of labeled images by split name.
        folder: Folder with the lists, for ``tools/make_splits.py import``.
    """

    total: int
    labeled: Mapping[str, int]
    folder: str

    def check(self, name: str, labeled: int, unlabeled: int) -> None:
        """Compare the sizes of a split with the published ones; other names are not checked.

        Raises:
            ValueError: If a split has a published name but another size.
        """
        if name not in self.labeled:
            return
        published = self.labeled[name], self.total - self.labeled[name]
        if (labeled, unlabeled) != published:
            raise ValueError(
                f"Expected split '{name}' to have {published[0]} labeled and {published[1]} "
                f"unlabeled images, as the published split of this name, but got {labeled} and "
                f"{unlabeled}. Repair the lists, or rename your split."
            )


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
        raise FileNotFoundError(f"split list {path} does not exist. {HOW_TO_MAKE}")
    entries = []
    for number, line in enumerate(_lines(path), start=1):
        if len(line) > LONGEST:
            raise FileError(
                f"Expected {path}, line {number} to be one sample of at most {LONGEST} characters, "
                f"but got {len(line)}. Put line breaks between the samples."
            )
        if line.strip() and not line.lstrip().startswith("#"):
            entries.append(_parse_line(line.strip(), f"{path}, line {number}"))
    if not entries:
        raise FileError(
            f"Expected split list {path} to have one 'image mask' or 'image' per line, but it is "
            f"empty. {HOW_TO_MAKE}"
        )
    return entries


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file; other Unicode breaks may be part of names."""
    content = path.read_bytes()
    start, cure = f"Expected split list {path} to be UTF-8 text", "Save it as UTF-8 text."
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError(f"{start}, but got UTF-16. {cure}")
    if b"\0" in content:
        raise FileError(f"{start}, but got zero bytes. {cure}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{start}, but got the byte 0x{content[error.start]:02x} in line {number}. {cure}"
        ) from error
    return split_lines(text)


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
            f"{where}: expected an image and a mask, but got '{line}'. Put a TAB between the two "
            "names."
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
                f"Expected file names without line breaks, TABs, blanks at either end or a leading "
                f"'#', but got {_odd(image, mask)!r}, which a list cannot hold. Rename the file."
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
                    f"Expected names in {source} to be below the data root {root}, but got {name}. "
                    "Set a higher data root, or link the folder into it."
                )


def check_duplicates(entries: Sequence[Entry], what: str) -> None:
    """Check that no image is listed twice; ``what`` names the list.

    Raises:
        ValueError: If an image is listed twice.
    """
    twice = [image for image, count in Counter(image for image, _ in entries).items() if count > 1]
    if twice:
        raise ValueError(
            f"Expected {what} to name every image once, but got {_images(twice)} more than once. "
            "Keep one line for each."
        )


def check_leakage(train: Sequence[Entry], val: Sequence[Entry], what: str, val_name: str) -> None:
    """Check that no validation image is used for training; ``what`` names the training list.

    Raises:
        ValueError: If an image is in both lists.
    """
    both = _common(train, val)
    if both:
        raise ValueError(
            f"{what}: {_images(both)} is also in the validation list {val_name}, so the validation "
            "result would be too good. Remove the line from one of the two lists."
        )


def check_split(
    name: str,
    labeled: Sequence[Entry],
    unlabeled: Sequence[Entry],
    val: Sequence[Entry] | None = None,
    published: PublishedSplits | None = None,
    val_name: str = VAL_FILE,
) -> None:
    """Run all list checks on one split; ``published`` adds a check of the sizes.

    Raises:
        ValueError: On the first check that fails.
    """
    for part, entries in (("labeled", labeled), ("unlabeled", unlabeled)):
        if not entries:
            raise ValueError(f"the {part} list of split '{name}' is empty. {HOW_TO_MAKE}")
        check_duplicates(entries, f"the {part} list of split '{name}'")
    if both := _common(labeled, unlabeled):
        raise ValueError(
            f"split '{name}': {_images(both)} is listed as labeled and as unlabeled. Remove the "
            "line from one of the two lists."
        )
    if val is not None:
        check_leakage(labeled, val, f"the labeled list of split '{name}'", val_name)
        check_leakage(unlabeled, val, f"the unlabeled list of split '{name}'", val_name)
    if published is not None:
        published.check(name, len(labeled), len(unlabeled))


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
