# SPDX-License-Identifier: Apache-2.0
"""Errors that carry one sentence for the user."""

import signal


class FileError(ValueError):
    """A file is at fault, not the code: its text is one sentence that names file and cure.

    A file that is missing, or may not be read, raises ``FileNotFoundError`` or ``PermissionError``.
    """


class RunEnded(Exception):
    """Training cannot go on, for a reason outside the code; its text is one sentence for the user.

    ``tools/train.py`` prints it, says from which checkpoint ``--resume`` goes on, and leaves with
    status 1.
    """


class Diverged(RunEnded):
    """The weights are not finite any more, so there is nothing to save."""


class Stopped(KeyboardInterrupt):
    """A signal has ended the run after a whole iteration, and everything is saved.

    Args:
        signum: The signal.
        iteration: Iterations that are done.
        checkpoint: File that ``--resume`` goes on from, or None if the run saves none.
    """

    def __init__(self, signum: int, iteration: int, checkpoint: str | None) -> None:
        self.signum, self.iteration, self.checkpoint = signum, iteration, checkpoint
        name = signal.Signals(signum).name
        saved = f"saved as {checkpoint}" if checkpoint else "not saved: there is no CheckpointHook"
        super().__init__(f"stopped by {name} after iteration {iteration}, which is {saved}")

    @property
    def code(self) -> int:
        """Exit status by the shell's convention: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + self.signum
