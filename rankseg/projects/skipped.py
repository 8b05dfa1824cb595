# SPDX-License-Identifier: Apache-2.0
"""Counts of skipped files next to images, by ending."""

from collections import Counter
from pathlib import Path

from rankseg.imageio.listing import ENDINGS, walk_files

TEXT = (".txt", ".json", ".xml", ".csv", ".md", ".html", ".log", ".ini", ".db", ".py", ".yaml")
TEXT += (".yml", ".cfg", ".toml", ".zip", ".lnk", ".url", ".pdf", ".ipynb", ".xmp", ".xcf", ".tsv")
"""Endings of files that are clearly not images."""

FEW = 12  # endings listed in a note


def describe_skipped(folder: Path, start: str, text: bool = False) -> str:
    """Describe files that are neither readable images nor text, such as ``3 .heic, 1 .dcm``.

    Args:
        folder: Folder, searched with its subfolders.
        start: Text put in front.
        text: Count text files, too.

    Returns:
        The text; empty if there are no such files.
    """
    endings = (path.suffix.lower() or "without an ending" for path in walk_files(folder))
    others = ENDINGS if text else (*ENDINGS, *TEXT)
    counts = Counter(one for one in endings if one not in others)
    order = sorted(counts, key=lambda ending: (-counts[ending], ending))
    shown = [f"{counts[ending]} {ending}" for ending in order[:FEW]]
    more = [f"{sum(counts[ending] for ending in order[FEW:])} others"] if order[FEW:] else []
    return start + ", ".join([*shown, *more]) if counts else ""
