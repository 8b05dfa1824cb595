# SPDX-License-Identifier: Apache-2.0
"""The folder a run writes to: can it, does it hold a run already, and where does that stand?"""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from rankseg.engine.resilience.checkpoint import DamagedCheckpointError, read_resumable
from rankseg.engine.resilience.folder_lock import FolderLock
from rankseg.utils.atomic_file import PARTIAL

_NAME = re.compile(r"iter_(\d+)\.pth")
_BEST = re.compile(r"best_.+_iter_\d+\.pth")
# what a run writes, by its whole name: what a user has copied or renamed is not in it; logs of
# earlier starts lie in folders of their own
_NOTES = "clusters|discovery|features|label_propagation|neighbours|pseudo_labels|summary"
_PICTURES = "curves|neighbours_ranks|panels|retrieval"
_WRITTEN = re.compile(
    rf"({_NAME.pattern}|{_BEST.pattern}|last_checkpoint|({_NOTES})\.(json|png)"
    rf"|({_PICTURES})\.png|panels\.npz)({re.escape(PARTIAL)})?"
)
_MAPS = "discovery_maps"
_MAP = re.compile(r"generation\d+_iteration\d+\.png")


def check_work_dir(
    work_dir: str | Path, what: str = "work folder", option: str = "--work-dir"
) -> None:
    """Find out whether a folder can be written to, and leave nothing behind.

    Args:
        work_dir: The folder.
        what: What it is, for the message.
        option: By which it is named, for the message.

    Raises:
        ValueError: One sentence on why it cannot.
    """
    path = Path(work_dir).absolute()
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"room")
            probe.flush()
    except OSError as error:
        file = next((one for one in (path, *path.parents) if one.is_file()), None)
        reason = f"{file} is a file" if file else error.strerror or str(error)
        raise ValueError(
            f"{what} {work_dir} cannot be written to ({reason}): name another with {option}"
        ) from error
    finally:
        for one in missing:
            with suppress(OSError):
                one.rmdir()


@contextmanager
def lock_work_dir(work_dir: str | Path) -> Iterator[FolderLock | None]:
    """Keep other runs out of a work folder; a process that holds the lock already keeps it.

    Yields:
        The lock, or None in processes other than the main one, which write nothing there.

    Raises:
        ValueError: If another run is in the folder, or nothing can be written to it.
    """
    if not is_main_process():
        yield None
        return
    lock = FolderLock.held_here(work_dir)
    if lock is not None:
        yield lock
        return
    check_work_dir(work_dir)
    lock = FolderLock(work_dir)
    lock.acquire()
    try:
        yield lock
    finally:
        lock.release()


def check_unused(work_dir: str | Path) -> None:
    """Refuse to start a run where there is one already.

    Raises:
        ValueError: If the folder holds a checkpoint.
    """
    folder = Path(work_dir)
    best = (file for file in folder.glob("best_*.pth") if _BEST.fullmatch(file.name))
    found = [*checkpoints(folder), *sorted(best)]
    if found:
        resume = "--resume goes on with it" if checkpoints(folder) else "it cannot be resumed"
        raise ValueError(
            f"work folder {folder} holds a run already ({found[0].name}): {resume}, another "
            "--work-dir leaves it alone, --overwrite removes its checkpoints"
        )


def check_start(work_dir: str | Path, load_from: str | None) -> None:
    """Refuse to begin with weights that are among the files which ``--overwrite`` removes.

    Left where it is, the file would be taken for a checkpoint of the new run.

    Raises:
        ValueError: If they are.
    """
    file = None if load_from is None else Path(load_from).resolve()
    if file and file.parent == Path(work_dir).resolve() and _WRITTEN.fullmatch(file.name):
        raise ValueError(
            f"load_from={load_from} is a checkpoint of the run that --overwrite is to remove: copy "
            "it to another folder first, or leave that run alone with another --work-dir"
        )


def remove_run(work_dir: str | Path) -> None:
    """Remove the checkpoints and notes of a run; its logs stay."""
    folder, maps = Path(work_dir), Path(work_dir) / _MAPS
    for place, written in ((folder, _WRITTEN), (maps, _MAP)):
        for file in list(place.iterdir()) if place.is_dir() else ():
            if written.fullmatch(file.name):
                file.unlink(missing_ok=True)
    with suppress(OSError):  # not there, or something of the user's is in it
        maps.rmdir()


def checkpoints(folder: str | Path) -> list[Path]:
    """Checkpoints that a run can go on from, the newest first."""
    found = [
        (int(name[1]), file)
        for file in Path(folder).glob("iter_*.pth")
        if (name := _NAME.fullmatch(file.name))
    ]
    return [file for _, file in sorted(found, reverse=True)]


def latest_checkpoint(cfg: Config) -> str | None:
    """The newest whole checkpoint of the work folder; damaged ones are reported and passed over.

    Returns:
        The file, or None if the folder has no checkpoint.

    Raises:
        ValueError: If all are damaged, or the newest holds more than data.
    """
    folder = Path(cfg.work_dir)
    found = checkpoints(folder)
    for file in found:
        try:
            read_resumable(file)
        except DamagedCheckpointError as error:
            print_log(f"{error}; trying the one before it", level=logging.WARNING)
            continue
        return str(file)
    if not found:
        return None
    raise ValueError(
        f"--resume: none of the {len(found)} checkpoints in {folder} can be read "
        f"({', '.join(file.name for file in found)}): restore one, or begin anew with --overwrite"
    )


def resume_from_latest(cfg: Config) -> None:
    """Have the runner go on from the newest whole checkpoint of the work folder.

    Where there is none, a warning says so and the run begins from the start: one and the same
    command can be queued again and again.

    Raises:
        ValueError: If none can be read.
    """
    path = latest_checkpoint(cfg)
    if path is None:
        print_log(
            f"--resume: {cfg.work_dir} has no checkpoint, nothing was there to resume: this run "
            "begins from the start",
            level=logging.WARNING,
        )
        return
    cfg.load_from, cfg.resume = path, True


def where_to_go_on(cfg: Config, overwrite: bool = False) -> str:
    """Half a sentence for a run that has ended early.

    Args:
        cfg: Of the run.
        overwrite: It was started with ``--overwrite``.
    """
    found = checkpoints(cfg.work_dir)
    if found:
        place = " in place of --overwrite" if overwrite else ""
        return f"the same command with --resume{place} goes on from {found[0]}"
    return f"{cfg.work_dir} has no checkpoint to resume"
