# SPDX-License-Identifier: Apache-2.0
"""The folder a prediction writes to: may it, and does it go on with what is there?"""

import os
import shutil
from pathlib import Path
from typing import Any

from rankseg.training.work_folder import check_work_dir
from rankseg.utils.atomic_file import WriteError, describe, read_json, write_json

NOTE = "prediction.json"
"""Marks a folder as one of predictions, and holds what they were made by."""
FOUND_RANGE = "value_range found"
"""What the note calls the range of values that was found from the images."""
MADE = (
    *("masks", "overlays", "probabilities", "uncertainty"),
    *("summary.csv", "predictions.csv", "overview.png"),
)
"""What predictions leave in it."""


def check_out(
    out: str | Path,
    source: str | Path,
    made_by: dict[str, Any],
    overwrite: bool = False,
    skip_existing: bool = False,
) -> None:
    """Refuse a folder in which a prediction would destroy something, or cannot write.

    Args:
        out: The folder.
        source: What is to be predicted.
        made_by: What masks depend on besides their image, for JSON.
        overwrite: Replace what an earlier prediction has left.
        skip_existing: Leave the masks that an earlier prediction has left, and add the others.

    Raises:
        ValueError: If it lies in the folder of the images, holds anything but predictions, holds
            predictions and neither option is set, holds such that were made by something else and
            are not to be replaced, or cannot be written to.
    """
    out, source = Path(out), Path(source)
    if overwrite and skip_existing:
        raise ValueError("--overwrite and --skip-existing exclude each other: give one of them")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise ValueError(
            f"output folder {out} lies in the input folder {source}, where masks would be taken "
            "for images the next time: name a folder outside of it"
        )
    check_work_dir(out, "output folder", "--out")
    if not out.is_dir() or not os.listdir(out):
        return
    if not (out / NOTE).is_file():
        raise ValueError(
            f"output folder {out} holds files that are no predictions ({min(os.listdir(out))}): "
            "name another with --out"
        )
    if source.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"input {source} lies in the output folder {out}, whose content may be replaced: name "
            "another with --out"
        )
    if skip_existing:
        _check_same(out, made_by)
    elif not overwrite:
        raise ValueError(
            f"output folder {out} holds predictions already: --skip-existing goes on with them, "
            "--overwrite replaces them, another --out leaves them alone"
        )


def _check_same(out: Path, made_by: dict[str, Any]) -> None:
    noted = read_json(out / NOTE)
    for key, value in made_by.items():
        before = noted.get(key) if isinstance(noted, dict) else None
        if before != value:
            raise ValueError(
                f"--skip-existing: the masks in {out} were made with {key}={before}, this would be "
                f"{key}={value}: name another --out, or replace them with --overwrite"
            )


def found_range(out: str | Path) -> tuple[float, float] | None:
    """The range of values that an earlier prediction has found from its images."""
    noted = read_json(Path(out) / NOTE) if (Path(out) / NOTE).is_file() else None
    found = noted.get(FOUND_RANGE) if isinstance(noted, dict) else None
    return tuple(found) if found else None


def clear(out: str | Path) -> None:
    """Take away what an earlier prediction has left, so that none of it is taken for new.

    Raises:
        WriteError: If something cannot be removed.
    """
    for path in (Path(out) / name for name in MADE):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(describe(path, error)) from error


def note(out: str | Path, made_by: dict[str, Any]) -> None:
    """Mark a folder as one of predictions.

    Raises:
        WriteError: If it cannot be written.
    """
    write_json(Path(out) / NOTE, made_by)
