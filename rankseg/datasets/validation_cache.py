# SPDX-License-Identifier: Apache-2.0
"""Cache of validated files that makes repeated checks nearly free."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

CACHE_DIR = "RANKSEG_CACHE_DIR"
"""Environment variable with the cache folder; ``off`` disables the cache."""

VERSION = 1  # version of the checks: findings of older versions are ignored
MOST = 500_000  # maximum number of files per data root; the oldest are dropped first


def cache_file(data_root: str | Path) -> Path | None:
    """Return the cache file of a data root, which is never inside the data root.

    The file is in ``$RANKSEG_CACHE_DIR``, ``$XDG_CACHE_HOME/rankseg`` or ``~/.cache/rankseg``. You
    can delete it at any time. Returns ``None`` if the cache is disabled.
    """
    named = os.environ.get(CACHE_DIR)
    root = os.path.realpath(data_root)
    if named == "off" or "/rankseg-standin-" in root:  # temporary images of --tiny
        return None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(named or os.path.join(base, "rankseg"))
    return folder / f"checked-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.json"


def stamp(files: tuple[str, ...]) -> list[int]:
    """Return size and modification time (ns) of every file.

    Raises:
        OSError: If a file does not exist.
    """
    return [n for file in files for s in [os.stat(file)] for n in (s.st_size, s.st_mtime_ns)]


class ValidationCache:
    """Cache of findings about good files, keyed by paths and check.

    A finding is valid as long as sizes and modification times are unchanged. Bad files are never
    cached. A damaged cache file, or one of another format, counts as empty.

    Args:
        path: JSON file; ``None`` disables the cache.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._known = {} if self.path is None else _load(self.path)
        self._changed = False

    def find(self, rule: str, files: tuple[str, ...], now: list[int]) -> list[int] | None:
        """Return the finding of this rule for these files if they are unchanged, else None."""
        entry = self._known.get(_key(rule, files))
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] != now:
            return None
        found = entry[1]
        whole = isinstance(found, list) and found and all(type(n) is int for n in found)
        return found if whole else None

    def keep(self, rule: str, files: tuple[str, ...], now: list[int], found: list[int]) -> None:
        """Store a finding; ``now`` is the stamp taken before the files were opened."""
        key = _key(rule, files)
        self._known.pop(key, None)  # keeps the newest entries last
        self._known[key] = [now, found]
        self._changed = True

    def save(self) -> None:
        """Write the cache atomically and ignore write errors."""
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
