# SPDX-License-Identifier: Apache-2.0
"""Hook that stops a run whose work folder is gone."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.resilience.folder_lock import FolderLock


class WorkFolderHook(Hook):
    """Hook that checks the work folder before other hooks write to it.

    The check runs after every iteration and validation. Without it, MMEngine would create a new
    folder in the old location and continue there. :class:`~rankseg.engine.runner.StrictRunner`
    registers the hook in the process that writes.
    """

    priority = "HIGHEST"

    def __init__(self, lock: FolderLock) -> None:
        self.lock = lock

    def check(self, runner: Runner, *args, **kwargs) -> None:
        """Check the folder before logs, checkpoints, metrics or final notes are written."""
        self.lock.check()

    after_train_iter = after_val_iter = after_val_epoch = after_train = check
