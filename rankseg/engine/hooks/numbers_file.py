# SPDX-License-Identifier: Apache-2.0
"""Numbers that a hook notes now and then: a file that a resumed run goes on with."""

from pathlib import Path

from rankseg.engine.files import read_json, write_json


class NumbersFile:
    """A JSON list of notes, each with its ``iteration``; rewritten whole with every note.

    Args:
        path: The file.
        iteration: At which the run starts: later notes of an earlier run are dropped, and all of
            them at 0.

    Attributes:
        notes: The list.
    """

    def __init__(self, path: str | Path, iteration: int) -> None:
        self.path = Path(path)
        past = read_json(self.path) if iteration > 0 else None
        self.notes = [note for note in past or () if note["iteration"] <= iteration]

    def add(self, iteration: int, numbers: dict) -> None:
        """Note what an iteration came to; a note that is made up takes the place of the same one.

        Raises:
            WriteError: If the file cannot be written.
        """
        self.notes = [note for note in self.notes if note["iteration"] < iteration]
        self.notes.append({"iteration": iteration, **numbers})
        write_json(self.path, self.notes)
