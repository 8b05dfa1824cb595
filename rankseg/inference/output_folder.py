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


def check_output_folder(
    out: str | Path,
    source: str | Path,
    made_by: dict[str, Any],
    overwrite: bool = False,
    skip_existing: bool = False,
) -> None:
    """Check that a prediction can write to a folder without destroying anything.

    ``made_by`` are the settings that masks depend on besides their image, for JSON.
    """
    out, source = Path(out), Path(source)
    if overwrite and skip_existing:
        raise ValueError(
            "Expected one of --overwrite and --skip-existing, but got both. Leave one of them out."
        )
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise ValueError(
            f"Expected an output folder outside the input folder {source}, but got {out}. The next "
            "prediction would read its masks as images. Choose another folder with --out."
        )
    check_work_dir(out, "output folder", "--out")
    if not out.is_dir() or not os.listdir(out):
        return
    if not (out / NOTE).is_file():
        raise ValueError(
            f"Expected output folder {out} to be empty or to contain predictions, but found "
            f"{min(os.listdir(out))}. Choose another folder with --out."
        )
    if source.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"Expected an input outside the output folder {out}, whose content may be replaced, "
            f"but got {source}. Choose another folder with --out."
        )
    if skip_existing:
        _check_same(out, made_by)
    elif not overwrite:
        raise ValueError(
            f"Expected an empty output folder, but {out} contains predictions. Continue them with "
            "--skip-existing, replace them with --overwrite, or choose another folder with --out."
        )


def _check_same(out: Path, made_by: dict[str, Any]) -> None:
    noted = read_json(out / NOTE)
    for key, value in made_by.items():
        before = noted.get(key) if isinstance(noted, dict) else None
        if before != value:
            raise ValueError(
                f"Expected --skip-existing to continue a prediction with equal settings, but the "
                f"masks in {out} were made with {key}={before}, and this prediction has {key}="
                f"{value}. Choose another folder with --out, or replace them with --overwrite."
            )


def found_range(out: str | Path) -> tuple[float, float] | None:
    """Return the value range that an earlier prediction measured from its images, or None."""
    noted = read_json(Path(out) / NOTE) if (Path(out) / NOTE).is_file() else None
    found = noted.get(FOUND_RANGE) if isinstance(noted, dict) else None
    return tuple(found) if found else None


def clear(out: str | Path) -> None:
    """Remove the results of an earlier prediction, so that none is mistaken for a new one."""
    for path in (Path(out) / name for name in MADE):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(describe(path, error)) from error


def write_note(out: str | Path, made_by: dict[str, Any]) -> None:
    """Mark a folder as a prediction folder."""
    write_json(Path(out) / NOTE, made_by)
