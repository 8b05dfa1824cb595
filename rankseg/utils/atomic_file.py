# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, whenever the process or the machine stops."""

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


# what is wrong with one name or place, and says nothing of the next file
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
_LONGEST = 255  # bytes of a name on most file systems


class WriteError(RunEnded):
    """A file could not be written; nothing is left of it, and what was there before still is."""

    @property
    def of_one_file(self) -> bool:
        """The cause is this file's name or place, not the disk: others can still be written."""
        return isinstance(self.__cause__, OSError) and self.__cause__.errno in _ONE_FILE


def describe(path: Path, error: OSError) -> str:
    """One sentence: which file, what failed, what to do."""
    # isdir, as Path.is_dir raises where a name is too long
    folder = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.isdir(p))
    if error.errno in NO_ROOM:
        free = shutil.disk_usage(folder).free / 2**20
        cure = f"make room on the disk of {folder} ({free:,.0f} MB are free) or lift its limit"
    elif error.errno == errno.ENAMETOOLONG:
        cure = f"names have at most {_LONGEST} bytes, use a shorter one"
    else:
        cure = f"see that {path.parent} is a folder that can be written to"
    return f"{path} could not be written ({error.strerror or error}): {cure}"


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A path in the same folder to write to, which then takes the place of ``path`` in one step.

    What was written is on the disk before it gets the name, and the name before this returns, where
    the file system can do that. If anything fails, the file that was there before is untouched and
    no other is left.

    Raises:
        WriteError: If it cannot be written, with one sentence on what to do.
    """
    path = Path(path)
    partial = path.with_name(_partial_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _sync(partial)
        os.replace(partial, path)
        with suppress(OSError):  # some network file systems cannot: the file has its name by now
            _sync(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise WriteError(describe(path, error)) from error
        raise


def _partial_name(name: str) -> str:
    """The name with an ending; a long one is cut, as only the final name must be possible."""
    if len(os.fsencode(name + PARTIAL)) <= _LONGEST:
        return name + PARTIAL
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"{name[:40]}.{digest}{PARTIAL}"


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        WriteError: If it cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        WriteError: If it cannot be written.
    """
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_table(path: str | Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file, whole or not at all, with no cell that a spreadsheet takes for a formula.

    Raises:
        WriteError: If it cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([map(safe_cell, row) for row in rows])
    write_text(path, text.getvalue())


def read_json(path: str | Path, check: Callable[[Any], object] | None = None) -> Any | None:
    """What an earlier run noted; None, and a warning, if the file is damaged or not there.

    Args:
        path: The file.
        check: Raises ``ValueError``, ``TypeError`` or ``LookupError`` where the content is of
            another form, and so the file counts as damaged.
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
            f"{path} cannot be read ({type(error).__name__}) and is ignored: what was noted there "
            "before does not count",
            "current",
            logging.WARNING,
        )
        return None
    return content
