# SPDX-License-Identifier: Apache-2.0
"""Remembers which files were found good, so that a second look at them costs next to nothing."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

CACHE_DIR = "RANKSEG_CACHE_DIR"
"""Environment variable: folder for what is remembered; ``off`` remembers nothing."""

VERSION = 1  # of what is checked: older findings do not count
MOST = 500_000  # files remembered for one data root; the oldest are forgotten first


def cache_file(data_root: str | Path) -> Path | None:
    """Where findings about the files of a data root are kept: never in the data root itself.

    A file in ``$RANKSEG_CACHE_DIR``, ``$XDG_CACHE_HOME/rankseg`` or ``~/.cache/rankseg``. It may be
    deleted at any time. ``None`` if nothing is to be kept.
    """
    named = os.environ.get(CACHE_DIR)
    root = os.path.realpath(data_root)
    if named == "off" or "/rankseg-standin-" in root:  # images of --tiny, gone when it ends
        return None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(named or os.path.join(base, "rankseg"))
    return folder / f"checked-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.json"


def stamp(files: tuple[str, ...]) -> list[int]:
    """Size and time of change (ns) of every file.

    Raises:
        OSError: If one is not there.
    """
    return [n for file in files for s in [os.stat(file)] for n in (s.st_size, s.st_mtime_ns)]


class SeenFiles:
    """Findings about good files: by their paths and by what was checked of them.

    A finding counts as long as sizes and times of change are as they were. Bad files are never
    remembered. A file of findings that is damaged, or of another form, counts as empty.

    Args:
        path: JSON file; ``None`` remembers nothing.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._known = {} if self.path is None else _load(self.path)
        self._changed = False

    def find(self, rule: str, files: tuple[str, ...], now: list[int]) -> list[int] | None:
        """What was found by this rule in these files, if they are as they were then."""
        entry = self._known.get(_key(rule, files))
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] != now:
            return None
        found = entry[1]
        whole = isinstance(found, list) and found and all(type(n) is int for n in found)
        return found if whole else None

    def keep(self, rule: str, files: tuple[str, ...], now: list[int], found: list[int]) -> None:
        """Remember a finding; ``now`` is the stamp from before the files were opened."""
        key = _key(rule, files)
        self._known.pop(key, None)  # the newest are last
        self._known[key] = [now, found]
        self._changed = True

    def save(self) -> None:
        """Write the findings, whole or not at all; what cannot be written is done without."""
        if self.path is None or not self._changed:
            return
        for key in list(self._known)[: max(0, len(self._known) - MOST)]:
            del self._known[key]
        text = json.dumps({"version": VERSION, "files": self._known}, separators=(",", ":"))
        partial = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(prefix=".partial-", dir=self.path.parent)
            with open(handle, "w", encoding="ascii") as file:
                file.write(text)
            os.replace(partial, self.path)
            self._changed = False
        except OSError:
            if partial is not None and os.path.exists(partial):
                os.unlink(partial)


def _key(rule: str, files: tuple[str, ...]) -> str:
    return "\t".join((rule, *(f if os.path.isabs(f) else os.path.abspath(f) for f in files)))


def _load(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("version") != VERSION:
        return {}
    files = content.get("files")
    return files if isinstance(files, dict) else {}
