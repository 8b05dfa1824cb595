# SPDX-License-Identifier: Apache-2.0
"""JSON list of records in the work folder that grows during a run."""

from pathlib import Path
from typing import Any

from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.run_summary import is_iteration


def check_notes(notes: Any) -> None:
    """Raise ``ValueError`` if the value is not a list of notes with an ``iteration`` each."""
    if not isinstance(notes, list) or not all(
        isinstance(note, dict) and is_iteration(note.get("iteration")) for note in notes
    ):
        raise ValueError("expected a list of notes with an iteration each")


class RunNotes:
    """JSON list of notes in the work folder, which a resumed run continues.

    Args:
        path: Path of the file.
        iteration: Iteration at which the run starts; later notes of an earlier run are dropped.
    """

    def __init__(self, path: str | Path, iteration: int) -> None:
        self.path = Path(path)
        past = read_json(self.path, check_notes) if iteration > 0 else None
        self.notes: list[dict] = [note for note in past or () if self._is_past(note, iteration)]

    @staticmethod
    def _is_past(note: dict, iteration: int) -> bool:
        """Return True if a note is older than a run that starts at this iteration."""
        return note["iteration"] < iteration

    def add(self, note: dict) -> None:
        """Append a note, which has an ``iteration``, and write the file."""
        self.notes.append(note)
        write_json(self.path, self.notes)
