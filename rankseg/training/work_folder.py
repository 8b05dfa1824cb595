# SPDX-License-Identifier: Apache-2.0
"""Work folder of a run: write check, lock, existing checkpoints and where to resume."""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from rankseg.engine.resilience.checkpoint import (
    DamagedCheckpointError,
    read_resumable,
    reading_once,
)
from rankseg.engine.resilience.checkpoint_hook import BEST, LAST
from rankseg.engine.resilience.folder_lock import FolderLock
from rankseg.training.follow_length import keep_lengths
from rankseg.utils.atomic_file import PARTIAL
from rankseg.utils.link_file import is_link

_NAME = re.compile(r"iter_(\d+)\.pth")
_BEST = re.compile(r"best_.+_iter_\d+\.pth")
# matches whole names only, so files that a user copied or renamed are kept; the logs of earlier
# starts are in folders named by time
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
    """Check that a folder can be written to, and leave nothing behind."""
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
            f"Expected {what} {work_dir} to be writable, but it is not ({reason}). Set another one "
            f"with {option}."
        ) from error
    finally:
        for one in missing:
            with suppress(OSError):
                one.rmdir()


@contextmanager
def lock_work_dir(work_dir: str | Path) -> Iterator[FolderLock | None]:
    """Lock a work folder against other runs, unless this process holds the lock already.

    Yield the lock, or None in processes other than the main one, which write nothing there.
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
    """Refuse to start a run in a folder that contains one already."""
    folder = Path(work_dir)
    best = (file for file in folder.glob("best_*.pth") if _BEST.fullmatch(file.name))
    found = [*checkpoints(folder), *sorted(best)]
    if found:
        resume = "Add --resume to continue it" if checkpoints(folder) else "It cannot be resumed"
        raise ValueError(
            f"Expected work folder {folder} to have no run, but it contains {found[0].name}. "
            f"{resume}, set another --work-dir, or add --overwrite to remove its checkpoints."
        )


def check_start(work_dir: str | Path, load_from: str | None) -> None:
    """Refuse to start from weights in a file that ``--overwrite`` would remove.

    If the file were kept, it would be mistaken for a checkpoint of the new run.
    """
    file = None if load_from is None else Path(load_from).resolve()
    if file and file.parent == Path(work_dir).resolve() and _WRITTEN.fullmatch(file.name):
        raise ValueError(
            f"Expected load_from to be a file that --overwrite keeps, but got {load_from}, a "
            "checkpoint of the run in the work folder. Copy it to another folder first, or set "
            "another --work-dir."
        )


def remove_run(work_dir: str | Path) -> None:
    """Remove the checkpoints and notes of a run, but keep its logs."""
    folder, maps = Path(work_dir), Path(work_dir) / _MAPS
    for place, written in ((folder, _WRITTEN), (maps, _MAP)):
        for file in list(place.iterdir()) if place.is_dir() else ():
            if written.fullmatch(file.name):
                file.unlink(missing_ok=True)
    for note in folder.glob("*/vis_data/*Tracker.json"):  # a new run is a new one there, too
        note.unlink(missing_ok=True)
    for link in (folder / LAST, folder / BEST):
        if is_link(link):
            link.unlink(missing_ok=True)
    with suppress(OSError):  # the folder does not exist, or contains files of the user
        maps.rmdir()


def checkpoints(folder: str | Path) -> list[Path]:
    """Return the checkpoints that a run can resume from, newest first."""
    found = [
        (int(name[1]), file)
        for file in Path(folder).glob("iter_*.pth")
        if (name := _NAME.fullmatch(file.name))
    ]
    return [file for _, file in sorted(found, reverse=True)]


def best_checkpoint(folder: str | Path) -> Path | None:
    """Return the newest checkpoint of a best validation, or None."""
    found = (file for file in Path(folder).glob("best_*.pth") if _BEST.fullmatch(file.name))
    return max(found, key=lambda file: file.stat().st_mtime, default=None)


def latest_checkpoint(cfg: Config) -> str | None:
    """Return the newest readable checkpoint of the work folder, and warn about damaged ones.

    Returns:
        The file, or None if the folder has no checkpoint.

    Raises:
        ValueError: If all are damaged, or the newest contains more than data.
    """
    folder = Path(cfg.work_dir)
    found = checkpoints(folder)
    for file in found:
        try:
            read_resumable(file)
        except DamagedCheckpointError as error:
            print_log(f"{error} Trying the one before it.", level=logging.WARNING)
            continue
        return str(file)
    if not found:
        return None
    raise ValueError(
        f"Expected a readable checkpoint in {folder} for --resume, but none of the {len(found)} "
        f"can be read ({', '.join(file.name for file in found)}). Restore one, or start again with "
        "--overwrite."
    )


def resume_from_latest(cfg: Config) -> None:
    """Resume from the newest readable checkpoint of the work folder.

    Without a checkpoint, the run warns and starts from the beginning, so that the same command can
    be queued repeatedly.

    Raises:
        ValueError: If none can be read.
    """
    with reading_once():
        path = latest_checkpoint(cfg)
        if path is None:
            print_log(
                f"--resume: {cfg.work_dir} has no checkpoint, so this run starts from the "
                "beginning.",
                level=logging.WARNING,
            )
            return
        cfg.load_from, cfg.resume = path, True
        keep_lengths(cfg)


def where_to_resume(cfg: Config, overwrite: bool = False) -> str:
    """Return the end of a sentence that says how to resume a run that ended early.

    ``overwrite`` says whether the run was started with ``--overwrite``.
    """
    found = checkpoints(cfg.work_dir)
    if found:
        place = " instead of --overwrite" if overwrite else ""
        return f"The same command with --resume{place} continues from {found[0]}"
    return f"There is no checkpoint to resume in {cfg.work_dir}"
