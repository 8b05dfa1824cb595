# SPDX-License-Identifier: Apache-2.0
"""Ends a run whose work folder is gone."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.resilience.folder_lock import FolderLock


class WorkFolderHook(Hook):
    """Looks after every iteration and validation, before other hooks write into the folder.

    Without it, mmengine would make a new folder in the old place and go on there.
    :class:`~rankseg.engine.runner.StrictRunner` registers it in the process that writes.

    Args:
        lock: Of the work folder.
    """

    priority = "HIGHEST"

    def __init__(self, lock: FolderLock) -> None:
        self.lock = lock

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Check the folder before numbers and checkpoints are written."""
        self.lock.check()

    def after_val_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Check the folder during a long validation."""
        self.lock.check()

    def after_val_epoch(self, runner: Runner, *args, **kwargs) -> None:
        """Check the folder before metrics and the best checkpoint are written."""
        self.lock.check()

    def after_train(self, runner: Runner) -> None:
        """Check the folder before final notes are written."""
        self.lock.check()
