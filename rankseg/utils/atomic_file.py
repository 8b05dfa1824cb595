# SPDX-License-Identifier: Apache-2.0
"""Atomic file writes: a file is complete or absent, even after a crash."""

import csv
import errno
import hashlib
import io
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from rankseg.errors import RunEnded
from rankseg.utils.safe_text import safe_cell

PARTIAL = ".partial"
LARGEST_JSON = 100 * 2**20  # bytes
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


# errors that concern a single name or location; other files may still be writable
_ONE_FILE = {
    errno.ENAMETOOLONG,
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENOTEMPTY,
    errno.EINVAL,
    errno.EILSEQ,
    errno.ELOOP,
}
_LONGEST = 255  # maximum bytes in a file name on most file systems


class WriteError(RunEnded):
    """Error raised when a file cannot be written.

    No partial file remains, and a previous file of that name is unchanged.
    """

    @property
    def of_one_file(self) -> bool:
        """True if the file's name or location is the cause, so other files are still writable."""
        return isinstance(self.__cause__, OSError) and self.__cause__.errno in _ONE_FILE


def describe(path: Path, error: OSError) -> str:
    """Return one sentence that names the file, the error and the cure."""
    # os.path.isdir, because Path.is_dir raises if a name is too long
    folder = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.isdir(p))
    if error.errno in NO_ROOM:
        free = shutil.disk_usage(folder).free / 2**20
        cure = f"Free space on the disk of {folder} ({free:,.0f} MB are free), or raise its limit"
    elif error.errno == errno.ENAMETOOLONG:
        cure = f"Use a shorter name, of at most {_LONGEST} bytes"
    else:
        cure = f"Make sure that {path.parent} is a folder that you can write to"
    return f"{path} could not be written ({error.strerror or error}). {cure}."


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, then rename it to ``path`` in one step.

    If the file system supports it, the content is flushed to disk before the rename, and the
    rename before this function returns. On failure the previous file is unchanged, the
    temporary file is removed, and an ``OSError`` becomes a :class:`WriteError`.
    """
    path = Path(path)
    partial = path.with_name(_partial_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _sync(partial)
        os.replace(partial, path)
        with suppress(OSError):  # some network file systems cannot; the rename is done already
            _sync(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise WriteError(describe(path, error)) from error
        raise


def _partial_name(name: str) -> str:
    """Return the temporary name; shorten it if the suffix would make it too long."""
    if len(os.fsencode(name + PARTIAL)) <= _LONGEST:
        return name + PARTIAL
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"{name[:40]}.{digest}{PARTIAL}"


def _sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file by :func:`atomic_write`."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write a JSON file by :func:`atomic_write`."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_table(path: str | Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file by :func:`atomic_write`, with cells escaped so that none is a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([map(safe_cell, row) for row in rows])
    write_text(path, text.getvalue())


def read_json(path: str | Path, check: Callable[[Any], object] | None = None) -> Any | None:
    """Read a JSON file of an earlier run; return None if it is missing, or damaged, with a warning.

    ``check`` raises ``ValueError``, ``TypeError`` or ``LookupError`` if the content has an
    unexpected form. The file then counts as damaged.
    """
    try:
        if Path(path).stat().st_size > LARGEST_JSON:
            raise ValueError(f"it is larger than {LARGEST_JSON:,} bytes")
        content = json.loads(Path(path).read_text())
        if check is not None:
            check(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        print_log(
            f"{path} cannot be read ({type(error).__name__}) and is ignored, as if it did not "
            "exist",
            "current",
            logging.WARNING,
        )
        return None
    return content
