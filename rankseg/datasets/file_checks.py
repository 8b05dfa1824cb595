# SPDX-License-Identifier: Apache-2.0
"""Threaded file checks that show progress, cache good files and collect bad ones."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from rankseg.datasets.validation_cache import ValidationCache, stamp
from rankseg.utils.found_names import fold
from rankseg.utils.progress import track

THREADS = max(4, min(16, os.cpu_count() or 1))
AT_ONCE = 4096  # maximum number of files queued for the threads
SHOWN = 50  # maximum number of bad files that a message lists

Files = tuple[str, ...]
Found = list[int]


class FileValidator:
    """Settings and state of a file check.

    Args:
        full: Decode every file and continue after a bad one, so that all bad files are named. The
            cache is updated but not read, because damage can leave size and modification time
            unchanged.
        cache: Cache of good files; none by default. The caller saves it.

    Attributes:
        checked: Number of items checked.
        from_cache: Number of items whose result came from the cache.
        deep: Images of more than 8 bits that a pipeline has no range for.
    """

    def __init__(self, full: bool = False, cache: ValidationCache | None = None) -> None:
        self.full = full
        self.cache = cache or ValidationCache()
        self.checked = self.from_cache = 0
        self.deep: list[str] = []
        self.faults: dict[str, None] = {}  # distinct messages in order

    def run(
        self, work: Callable[[Files], Found], files: Sequence[Files], rule: str, what: str
    ) -> list[Found | None]:
        """Run ``work`` on every item, in threads.

        Args:
            work: Function that opens the files of an item, returns integers, and raises on a bad
                file.
            files: Paths of every item.
            rule: Name of the check. Cached findings of other rules are ignored.
            what: Name of the items, for the log.

        Returns:
            Findings in order; with ``full``, ``None`` for a bad item.

        Raises:
            ValueError, OSError: Error of ``work`` on the first bad item, unless ``full``.
        """

        results, new, stamps = self._find_cached(files, rule)

        def one(i: int) -> Found | Exception:
            try:
                return work(files[i])
            except (ValueError, OSError) as error:
                return error

        with closing(_in_threads(one, new)) as found_by:
            pairs = zip(new, found_by, strict=True)
            for i, found in track(pairs, f"checking {what}", len(new)):
                if isinstance(found, Exception):
                    if not self.full:
                        raise found
                    self.faults.setdefault(str(found))
                else:
                    results[i] = found
                    if stamps[i]:
                        self.cache.keep(rule, files[i], stamps[i], found)
        self.checked += len(results)
        self.from_cache += len(results) - len(new)
        return results

    def _find_cached(
        self, files: Sequence[Files], rule: str
    ) -> tuple[list[Found | None], list[int], list[list[int]]]:
        """Return cached findings, the positions that need a check, and the stamps of all items."""
        if self.cache.path is None:
            return [None] * len(files), list(range(len(files))), [[]] * len(files)
        results, stamps = [], []
        for item in files:
            try:
                stamps.append(stamp(item))
            except OSError:
                stamps.append([])  # the work function reports the error
            ask = stamps[-1] and not self.full
            results.append(self.cache.find(rule, item, stamps[-1]) if ask else None)
        return results, [i for i, found in enumerate(results) if found is None], stamps

    def finish(self) -> None:
        """Report the bad files.

        Raises:
            ValueError: If there are any.
        """
        if not self.faults:
            return
        shown = list(self.faults)[:SHOWN]
        if len(self.faults) > SHOWN:
            shown.append(f"... and {len(self.faults) - SHOWN} more")
        lines = "".join(f"\n  {text}" for text in shown)
        raise ValueError(
            f"Expected all files to be readable, but got {len(self.faults)} bad ones among "
            f"{self.checked}. Repair or replace them, or remove them from the lists:{lines}"
        )


def _in_threads(work: Callable[[int], object], items: Sequence[int]) -> Iterator:
    """Yield results in order and cancel pending work when the caller stops iterating."""
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for first in range(0, len(items), AT_ONCE):
            yield from pool.map(work, items[first : first + AT_ONCE])


def missing_files(paths: Sequence[str]) -> list[str]:
    """Return the paths that do not exist, listing each folder only once.

    Raises:
        PermissionError: If a folder is not readable.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folders[os.path.dirname(path)].append(path)
    missing = []
    for folder, members in folders.items():
        try:
            with os.scandir(folder or ".") as listing:
                present = {entry.name for entry in listing}
        except (FileNotFoundError, NotADirectoryError):
            present = set()
        except PermissionError:
            raise PermissionError(
                f"Expected folder {folder} to be readable, but got no permission. Change it with "
                "`chmod +rx`."
            ) from None
        missing += [path for path in members if os.path.basename(path) not in present]
    return missing


def spelling(path: str) -> str:
    """Return a hint if the folder has a file whose name differs only in case or Unicode form.

    macOS and Windows treat such names as equal; Linux does not.
    """
    folder, wanted = os.path.split(path)
    try:
        alike = [name for name in os.listdir(folder or ".") if fold(name) == fold(wanted)]
    except OSError:
        return ""
    return f". The folder has {alike[0]!r}, which is spelled differently" if alike else ""
