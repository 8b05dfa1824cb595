# SPDX-License-Identifier: Apache-2.0
"""Folders that are whole or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rankseg.utils.atomic_file import PARTIAL, WriteError, describe


def refuse_full(out: Path) -> None:
    """Raise ``ValueError`` where there is a file, or a folder with something in it."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(f"{out} exists and is not an empty folder: remove it, or name another")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to write to, which becomes ``out`` in one step, or is removed.

    Raises:
        WriteError: If it cannot be written, with one sentence on what to do.
    """
    partial = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=out.name + PARTIAL, dir=out.parent))
        yield partial
        partial.chmod(0o777 & ~current_umask())
        os.replace(partial, out)
    except OSError as error:
        raise WriteError(describe(out, error)) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def current_umask() -> int:
    """Permissions that new files do not get; a temporary folder has fewer than the usual."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
