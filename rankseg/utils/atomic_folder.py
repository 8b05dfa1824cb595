# SPDX-License-Identifier: Apache-2.0
"""Atomic folder writes: a folder is complete or absent."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rankseg.utils.atomic_file import PARTIAL, WriteError, describe


def refuse_full(out: Path) -> None:
    """Raise ``ValueError`` if the path is a file or a folder that is not empty."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(
            f"Expected {out} to be new or an empty folder, but it contains files or is a file. "
            "Remove it, or choose another folder."
        )


@contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder, then rename it to ``out`` in one step; remove it on failure."""
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
    """Return the umask, which ``tempfile`` ignores when it creates a folder."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
