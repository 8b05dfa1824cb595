# SPDX-License-Identifier: Apache-2.0
"""A list of numbers in the work folder that grows during a run."""

from pathlib import Path
from typing import Any

from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.run_summary import is_iteration


def check_notes(notes: Any) -> None:
    """Refuse what is no list of notes with an ``iteration`` each; ``ValueError`` then."""
    if not isinstance(notes, list) or not all(
        isinstance(note, dict) and is_iteration(note.get("iteration")) for note in notes
    ):
        raise ValueError("expected a list of notes with an iteration each")


class RunNotes:
    """Keeps a JSON list in the work folder, and goes on with that of a resumed run.

    Args:
        path: The file.
        iteration: At which the run starts; later notes of an earlier run are dropped.
    """

    def __init__(self, path: str | Path, iteration: int) -> None:
        self.path = Path(path)
        past = read_json(self.path, check_notes) if iteration > 0 else None
        self.notes: list[dict] = [note for note in past or () if self._is_past(note, iteration)]

    @staticmethod
    def _is_past(note: dict, iteration: int) -> bool:
        """Whether a note was written before a run that starts at this iteration."""
        return note["iteration"] < iteration

    def add(self, note: dict) -> None:
        """Write one more note; it has its ``iteration``."""
        self.notes.append(note)
        write_json(self.path, self.notes)
