# SPDX-License-Identifier: Apache-2.0
"""Output folder of a prediction: checks, and the note of the settings it was made with."""

import os
import shutil
from pathlib import Path
from typing import Any

from rankseg.training.work_folder import check_work_dir
from rankseg.utils.atomic_file import WriteError, describe, read_json, write_json

NOTE = "prediction.json"
"""File that marks a prediction folder and stores the settings of the prediction."""
FOUND_RANGE = "value_range found"
"""Key in the note for the value range that was measured from the images."""
MADE = (
    *("masks", "overlays", "probabilities", "uncertainty"),
    *("summary.csv", "predictions.csv", "overview.png"),
)
"""Files and folders that predictions write."""


def check_out(
    out: str | Path,
    source: str | Path,
    made_by: dict[str, Any],
    overwrite: bool = False,
    skip_existing: bool = False,
) -> None:
    """Check that a prediction can write to a folder without destroying anything.

    Args:
        out: The folder.
        source: Images to predict.
        made_by: Settings that masks depend on besides their image, for JSON.
        overwrite: Replace the results of an earlier prediction.
        skip_existing: Keep the masks of an earlier prediction and add the others.

    Raises:
        ValueError: If the folder is inside the folder of the images, contains other files than
            predictions, contains predictions and neither option is set, contains predictions made
            with other settings that are to be kept, contains the images, or cannot be written to.
            Also if both options are set.
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
    """Return the value range that an earlier prediction measured from its images, or None."""
    noted = read_json(Path(out) / NOTE) if (Path(out) / NOTE).is_file() else None
    found = noted.get(FOUND_RANGE) if isinstance(noted, dict) else None
    return tuple(found) if found else None


def clear(out: str | Path) -> None:
    """Remove the results of an earlier prediction, so that none is mistaken for a new one.

    Raises:
        WriteError: If a file cannot be removed.
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
    """Mark a folder as a prediction folder.

    Raises:
        WriteError: If the note cannot be written.
    """
    write_json(Path(out) / NOTE, made_by)
