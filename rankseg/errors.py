# SPDX-License-Identifier: Apache-2.0
"""Exceptions whose message is one sentence for the user."""

import signal


class FileError(ValueError):
    """Error caused by a file rather than by the code.

    The message is one sentence that names the file and the cure. A missing or unreadable file
    raises ``FileNotFoundError`` or ``PermissionError`` instead.
    """


def missing_package(package: str, purpose: str) -> ValueError:
    """Return the error for an optional package that is not installed.

    Args:
        package: Name of the package, for pip.
        purpose: What needs it: ``"for --log-to wandb"``.
    """
    return ValueError(
        f"Expected the package {package} to be installed {purpose}, but it is not. "
        f"Run: pip install {package}"
    )


def expect(valid: bool, name: str, expected: str, found: object, cure: str = "") -> None:
    """Check a setting, and raise an error that says what was expected and what was found.

    >>> expect(False, "model.k", "1 or more", 0, "Set model.k=5.")
    Traceback (most recent call last):
    ValueError: Expected model.k to be 1 or more, but got 0. Set model.k=5.

    Args:
        valid: Whether the setting is valid.
        name: Name of the setting.
        expected: Valid values.
        found: Value of the setting.
        cure: Sentence that says what to do.

    Raises:
        ValueError: If the setting is not valid.
    """
    if not valid:
        raise ValueError(f"Expected {name} to be {expected}, but got {found!r}. {cure}".rstrip())


class RunEnded(Exception):
    """Error raised when training cannot continue for a reason outside the code.

    The message is one sentence for the user. ``tools/train.py`` prints it, names the checkpoint
    that ``--resume`` continues from, and exits with status 1.
    """


class Diverged(RunEnded):
    """Error raised when the weights are no longer finite, so there is nothing to save."""


class Stopped(KeyboardInterrupt):
    """Exception raised when a signal ends the run after a complete, saved iteration.

    Args:
        signum: Signal number.
        iteration: Number of completed iterations.
        checkpoint: File that ``--resume`` continues from, or None if the run saves none.
    """

    def __init__(self, signum: int, iteration: int, checkpoint: str | None) -> None:
        self.signum, self.iteration, self.checkpoint = signum, iteration, checkpoint
        name = signal.Signals(signum).name
        saved = f"saved as {checkpoint}" if checkpoint else "not saved: there is no CheckpointHook"
        super().__init__(f"stopped by {name} after iteration {iteration}, which is {saved}")

    @property
    def code(self) -> int:
        """Exit status by shell convention: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + self.signum
