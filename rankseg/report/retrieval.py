# SPDX-License-Identifier: Apache-2.0
"""Search results of embedding networks for the report."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankseg.analysis.retrieve import Contender, search
from rankseg.report.foreign_config import settings_to_build
from rankseg.report.page import Seen
from rankseg.report.run_predictions import CANNOT

ROWS, ROWS_SIDE = 5, 6  # queries in a picture of one run, of several runs


def look_retrieval(seen: Sequence[Seen], which: str, together: bool) -> np.ndarray | None:
    """Search the validation images with embedding networks and store the pictures.

    Args:
        seen: Runs of embedding networks. Sets their ``panels`` or ``problem``.
        which: ``"last"`` or ``"best"`` weights.
        together: Whether the runs have the same validation images.

    Returns:
        Picture of the queries for which the first and the last run differ most, or None for a
        single run or runs that cannot be compared.
    """
    with tempfile.TemporaryDirectory() as folder:  # features are computed only once
        asked = []
        for one in seen:
            try:
                contender = _contender(one, which, folder)
                name = Path(contender.checkpoint).name
                print(f"{one.run.name}: {name} searches the validation images", flush=True)
                found = search([contender._replace(name="")], rows=ROWS, part="val").draw()
            except CANNOT as error:
                one.problem = f"No pictures: {str(error) or type(error).__name__}."
                print(f"{one.run.name}: {one.problem}")
                continue
            asked.append(contender)
            one.panels = [found[name] for name in ("worst", "queries")]
        if not together or len(asked) < 2:
            return None
        try:
            return search(asked, rows=ROWS_SIDE, part="val").draw().get("changes")
        except CANNOT as error:
            print(f"the runs cannot be shown side by side: {error}")
            return None


def _contender(seen: Seen, which: str, folder: str) -> Contender:
    run = seen.run
    cfg = settings_to_build(run).copy()
    if not run.config.get("val_dataloader"):
        raise ValueError(f"run {run.name} has no validation set in its config")
    checkpoint = run.last_checkpoint if which == "last" else run.best_checkpoint
    if checkpoint is None:
        names = "iter_*.pth" if which == "last" else "best_*.pth"
        raise FileNotFoundError(f"run {run.name} has no checkpoint {names} in {run.folder}")
    seen.checkpoint = checkpoint.name
    cfg.work_dir = str(Path(folder, run.name))
    return Contender(run.name, cfg, str(checkpoint))
