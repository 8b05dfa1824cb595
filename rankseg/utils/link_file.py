# SPDX-License-Identifier: Apache-2.0
"""Links to files in the same folder, as text files where symbolic links are not possible."""

import os
from contextlib import suppress
from pathlib import Path

from rankseg.utils.atomic_file import PARTIAL, write_text

LONGEST = 1024  # bytes of a link that is a text file
START = b"link to "


def write_link(path: str | Path, target: str | Path) -> None:
    """Let a path lead to a file, in one step. A file that is not a link is left alone.

    The link is a symbolic one, relative if the target is in the same folder, so that the folder can
    be moved. On file systems without symbolic links it is a text file with the name of the target,
    which :func:`follow_link` reads.
    """
    path, target = Path(path), Path(target)
    if path.exists() and not is_link(path):
        return
    same = path.parent.resolve() == target.parent.resolve()
    name = target.name if same else str(target.absolute())
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        partial.symlink_to(name)
        os.replace(partial, path)
    except (OSError, NotImplementedError):
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        write_text(path, f"{START.decode()}{name}\n")


def is_link(path: str | Path) -> bool:
    """Return whether a path is a link that :func:`write_link` could have written."""
    path = Path(path)
    return path.is_symlink() or _text_of(path) is not None


def follow_link(path: str | Path) -> Path:
    """Return the file that a path leads to, or the path itself if it is not a link."""
    path = Path(path)
    name = os.readlink(path) if path.is_symlink() else _text_of(path)
    return path if name is None else path.parent / name


def _text_of(path: Path) -> str | None:
    """Return the name in a link that is a text file; None for other files."""
    try:
        if not path.is_file() or path.stat().st_size > LONGEST:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    if not content.startswith(START) or not content.endswith(b"\n"):
        return None
    return content[len(START) : -1].decode(errors="replace")
