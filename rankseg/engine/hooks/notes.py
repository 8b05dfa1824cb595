# SPDX-License-Identifier: Apache-2.0
"""JSON list of records in the work folder that grows during a run."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mmengine.runner import Runner

from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.run_summary import is_iteration


def check_notes(notes: Any) -> None:
    """Raise ``ValueError`` if the value is not a list of notes with an ``iteration`` each."""
    if not isinstance(notes, list) or not all(
        isinstance(note, dict) and is_iteration(note.get("iteration")) for note in notes
    ):
        raise ValueError("expected a list of notes with an iteration each")


class RunNotes:
    """JSON list of notes in the work folder, which a run resumed at ``iteration`` continues.

    Later notes of an earlier run are dropped, at iteration 0 all. The name of the file without
    suffix is also the name of the scalars.
    """

    def __init__(self, path: str | Path, iteration: int) -> None:
        self.path = Path(path)
        past = read_json(self.path, check_notes) if iteration > 0 else None
        self.notes: list[dict] = [note for note in past or () if note["iteration"] < iteration]

    def add(self, note: dict) -> None:
        """Append a note, which has an ``iteration``, and write the file."""
        self.notes.append(note)
        write_json(self.path, self.notes)

    def record(
        self,
        runner: Runner,
        iteration: int,
        numbers: dict,
        /,
        *,
        digits: int | None = None,
        scalars: Mapping[str, float] = MappingProxyType({}),
        **place: Any,
    ) -> None:
        """Log the numbers and further scalars as ``<name of the file>/<key>``, and append a note.

        Lists are not logged. ``digits`` rounds the numbers in the file.
        """
        plain = {key: value for key, value in numbers.items() if isinstance(value, int | float)}
        named = {f"{self.path.stem}/{key}": value for key, value in {**plain, **scalars}.items()}
        runner.visualizer.add_scalars(named, step=iteration)
        if digits is not None:
            floats = {key: value for key, value in plain.items() if isinstance(value, float)}
            numbers = numbers | {key: round(value, digits) for key, value in floats.items()}
        self.add({"iteration": iteration, **place, **numbers})
