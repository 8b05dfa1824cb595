# SPDX-License-Identifier: Apache-2.0
"""Lock that allows only one training run at a time in a work folder."""

import logging
import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from mmengine.logging import print_log

from rankseg.errors import RunEnded
from rankseg.utils.atomic_file import WriteError, describe

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NAME = "run.lock"
_HOLDER = re.compile(r"process \d+ on host [\w.-]+ since [\d: -]+")
_held: WeakSet["FolderLock"] = WeakSet()


class FolderLock:
    """Lock on a folder against other training processes, held while this process lives.

    The operating system holds the lock (``flock`` on ``run.lock`` in the folder) and releases it
    when the process ends for any reason. A ``run.lock`` left by a killed run has no effect. Child
    processes do not hold the lock.

    If the file system or the operating system does not support such locks, a warning is logged and
    the folder is not protected. On NFS the lock works across machines, unless the folder is
    mounted with ``nolock`` or ``local_lock``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self.path = self.folder / NAME
        self._file = self._place = -1  # open handles of the lock file and of the folder
        self._made: list[Path] = []

    @classmethod
    def held_here(cls, folder: str | Path) -> "FolderLock | None":
        """Return the lock that this process holds on a folder, or None."""
        wanted = Path(folder).absolute()
        return next((lock for lock in _held if lock.folder == wanted), None)

    def acquire(self) -> None:
        """Take the lock."""
        self._made = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = self._lock()
            self._place = os.open(self.folder, os.O_RDONLY) if fcntl else -1
        except OSError as error:
            self.forget()
            self._remove_made()
            raise WriteError(describe(self.path, error)) from error
        _held.add(self)

    def release(self) -> None:
        """Release the lock; remove its file and the folders created only for it."""
        if self._file < 0:
            return
        moved = self._is_moved()
        with suppress(OSError):  # remove while held, so that no other process has locked this file
            if self._place >= 0:
                os.unlink(NAME, dir_fd=self._place)
        self.forget()
        if not moved:
            self._remove_made()

    def forget(self) -> None:
        """Close the handles; after a fork, the parent process keeps the lock."""
        _held.discard(self)
        for handle in (self._file, self._place):
            if handle >= 0:
                os.close(handle)
        self._file = self._place = -1

    def check(self) -> None:
        """Check that the folder is still the one that was locked."""
        if self._place < 0:
            return
        if self._is_moved():
            raise RunEnded(
                f"Expected work folder {self.folder} to stay in its place during the run, but it "
                f"was {self._fate()}, and nothing more was written. Put it back and add --resume "
                "to the command, or add --resume and its new place as --work-dir"
            )
        if not _same(self.path, self._file):
            try:
                file = self._lock()
            except ValueError as error:
                raise RunEnded(str(error)) from error
            os.close(self._file)
            self._file = file

    def _lock(self) -> int:
        """Open and lock the file, write the holder into it and return the handle."""
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock_file(handle, self.folder)
                if _same(self.path, handle):  # the previous run has not removed it meanwhile
                    now = time.strftime("%Y-%m-%d %H:%M:%S")
                    holder = f"process {os.getpid()} on host {socket.gethostname()} since {now}\n"
                    os.truncate(handle, 0)
                    os.write(handle, holder.encode())
                    return handle
            except BlockingIOError as error:
                holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
                who = holder if _HOLDER.fullmatch(holder) else "another process"
                os.close(handle)
                raise ValueError(
                    f"Expected work folder {self.folder} to be free, but {who} trains in it. Wait "
                    "for that run or stop it, or set another --work-dir."
                ) from error
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def _is_moved(self) -> bool:
        return self._place >= 0 and not _same(self.folder, self._place)

    def _fate(self) -> str:
        """Describe what happened to the folder, as far as the system reports it."""
        if os.fstat(self._place).st_nlink == 0:
            return "removed"
        with suppress(OSError):  # not on macOS
            place = os.readlink(f"/proc/self/fd/{self._place}")
            return "removed" if place.endswith(" (deleted)") else f"moved to {place}"
        return "moved, renamed or removed"

    def _remove_made(self) -> None:
        for folder in self._made:
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()


def _lock_file(handle: int, folder: Path) -> None:
    """Lock an open file; raise ``BlockingIOError`` if locked, warn if locks are unsupported."""
    try:
        if fcntl is None:
            raise OSError("this operating system has no flock")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        print_log(
            f"Work folder {folder} cannot be locked ({error.strerror or error}), so a second run "
            "could use it as well. Do not start one there.",
            level=logging.WARNING,
        )


def _same(path: Path, handle: int) -> bool:
    """Check that a path leads to an open file; assume so if the file server does not answer."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
