# SPDX-License-Identifier: Apache-2.0
"""Files beside images that are not read: counted by their endings."""

from collections import Counter
from pathlib import Path

from rankseg.datasets.splits.splits import ENDINGS
from rankseg.inference.pictures import walk_files

TEXT = (".txt", ".json", ".xml", ".csv", ".md", ".html", ".log", ".ini", ".db", ".py", ".yaml")
TEXT += (".yml", ".cfg", ".toml", ".zip", ".lnk", ".url", ".pdf", ".ipynb", ".xmp", ".xcf", ".tsv")
"""Endings of files that nobody takes for images."""

FEW = 12  # endings that a note lists


def describe_skipped(folder: Path, start: str, text: bool = False) -> str:
    """Files that are neither images that are read nor text, such as ``3 .heic, 1 .dcm``.

    Args:
        folder: Where, with its sub-folders.
        start: Words in front.
        text: Count text, too.

    Returns:
        The text; empty if there are none.
    """
    endings = (path.suffix.lower() or "without an ending" for path in walk_files(folder))
    others = ENDINGS if text else (*ENDINGS, *TEXT)
    counts = Counter(one for one in endings if one not in others)
    order = sorted(counts, key=lambda ending: (-counts[ending], ending))
    shown = [f"{counts[ending]} {ending}" for ending in order[:FEW]]
    more = [f"{sum(counts[ending] for ending in order[FEW:])} others"] if order[FEW:] else []
    return start + ", ".join([*shown, *more]) if counts else ""
