# SPDX-License-Identifier: Apache-2.0
"""Safe checkpoint loading: no code in a file runs, and a damaged file gives a short error."""

import logging
import pickle
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import mmengine.runner.checkpoint
import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import CheckpointLoader

from rankseg.models.weights.safetensors_file import SUFFIX, read_safetensors
from rankseg.utils.link_file import follow_link
from rankseg.utils.safe_pickle import ARRAY_PARTS


def _history_method(owner: type, name: str) -> object:
    """Replace ``getattr``, through which the pickle of a log buffer refers to its own methods."""
    if owner is not HistoryBuffer or name.startswith("_"):
        raise pickle.UnpicklingError(f"getattr({owner!r}, {name!r}) is not part of a log")
    return getattr(owner, name)


# Types that checkpoints hold besides tensors: log values and a best score. MMEngine's own list of
# types allowed during loading contains the real `getattr`, which gives access to everything.
_SCALAR = np.float64(0).__reduce__()[0]
_DATA = [
    (_SCALAR, "numpy.core.multiarray.scalar"),  # written by NumPy 1
    (_SCALAR, "numpy._core.multiarray.scalar"),  # written by NumPy 2
    *((part, name) for name, part in ARRAY_PARTS.items()),
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
    np.dtypes.UInt32DType,
    slice,
    HistoryBuffer,
    (_history_method, "builtins.getattr"),
    (_history_method, "getattr"),
]
_ZIP = b"PK\x03\x04"
_KINDS = {  # first bytes of other file types, and what to do
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"version https://git-lfs": "a Git LFS pointer: fetch the file with git lfs pull",
    b"<": "a web page: download the file again",
    b"\x89HDF": "an HDF5 file: export the weights with torch.save",
}

LISTED = 8  # number of checkpoints in a message

_trusted: ContextVar[bool] = ContextVar("trusted", default=False)
_looked_at: ContextVar[dict[tuple, dict] | None] = ContextVar("looked_at", default=None)


class DamagedCheckpointError(ValueError):
    """A checkpoint that cannot be read, or lacks what a run needs to continue."""


@contextmanager
def trust_checkpoints(trust: bool = True) -> Iterator[None]:
    """Return a context in which checkpoints are loaded even if that runs code from the file."""
    token = _trusted.set(trust)
    try:
        yield
    finally:
        _trusted.reset(token)


def trusts_checkpoints() -> bool:
    """Return whether :func:`trust_checkpoints` is active."""
    return _trusted.get()


@contextmanager
def reading_once() -> Iterator[None]:
    """Return a context in which the checkpoint that a run starts from is read once.

    What :func:`look_at_checkpoint` reads stays in memory until :func:`load_checkpoint_file` returns
    it to the runner, or until the context ends.
    """
    if _looked_at.get() is not None:
        yield
        return
    token = _looked_at.set({})
    try:
        yield
    finally:
        _looked_at.reset(token)


def look_at_checkpoint(filename: str | Path) -> dict[str, Any]:
    """Read a checkpoint that is loaded later, on the CPU. The content must not be changed.

    Raises:
        FileNotFoundError, ValueError: As :func:`load_checkpoint_file`.
    """
    kept = _looked_at.get()
    if kept is None:
        return load_checkpoint_file(str(filename), map_location="cpu")
    key = _version(_existing(filename))  # before reading: a change during it is noticed
    if key not in kept:
        kept.clear()  # only the checkpoint that was looked at last is in memory
        kept[key] = load_checkpoint_file(str(filename), map_location="cpu")
    return kept[key]


def _existing(filename: str | Path) -> Path:
    """Return the path of a checkpoint, or raise the error for one that does not exist."""
    path = follow_link(Path(filename).expanduser())
    if not path.is_file():
        raise missing_checkpoint(path)
    return path


def _version(path: Path) -> tuple:
    """Return what tells a file from other files and from the same file before it was rewritten.

    The time of the last change counts, because programs that copy can restore the other times.
    """
    stat = path.stat()
    return str(path.resolve()), stat.st_ino, stat.st_size, stat.st_ctime_ns, _trusted.get()


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_checkpoint_file(filename: str, map_location=None) -> dict[str, Any]:
    """Read a checkpoint as data; replaces MMEngine's loader for local files.

    MMEngine's own loader unpickles arbitrary objects if the file holds more than data, and its
    ``resume`` runs the config text inside. This function raises an error in the first case, unless
    :func:`trust_checkpoints` is active, and leaves the config text out: the config of a run is a
    file next to its checkpoint. A file that ends in ``.safetensors`` is read as such.

    Checksums and sizes are checked before anything is unpacked, because ``torch.load`` detects
    neither a changed byte nor a small file that unpacks to fill the memory.

    Returns:
        A dict with string keys. The keys of its ``state_dict``, if any, are strings too.

    Raises:
        FileNotFoundError: If there is no such file.
        DamagedCheckpointError: If the file is damaged or not a checkpoint.
        ValueError: If it holds anything but data.
    """
    path = _existing(filename)
    if (kept := _looked_at.get()) and str(map_location) in ("None", "cpu"):
        version = _version(path)
        if version in kept:
            return kept.pop(version)
        if any(name == version[0] for name, *_ in kept):  # the file has changed
            kept.clear()
    if SUFFIX in (path.suffix, Path(filename).suffix):  # a cache links to files without one
        return read_safetensors(path, map_location)
    try:
        _check_archive(path)
        with torch.serialization.safe_globals(_DATA):
            checkpoint = torch.load(
                path, map_location=map_location, weights_only=not _trusted.get()
            )
    except DamagedCheckpointError:
        raise
    except Exception as error:  # an invalid file can make the unpickler raise anything
        if _holds_code(path, str(error)):
            raise ValueError(
                f"Checkpoint {path} holds more than data and was not loaded, because loading it "
                "would run code from the file. If you trust its author, add --trust-checkpoint."
            ) from error
        raise DamagedCheckpointError(
            f"Checkpoint {path} is damaged or not a checkpoint. Reading it failed with "
            f"{type(error).__name__}. {_cure(path)}."
        ) from error
    _check_names(checkpoint, path)
    if isinstance(checkpoint.get("meta"), dict):
        checkpoint["meta"].pop("config", None)
    return checkpoint


def _load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True
) -> dict:
    """Download a checkpoint unless it is cached, and read it as data.

    Replaces torch's function in MMEngine, which unpickles arbitrary objects.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir(), "checkpoints"))
    file = folder / Path(urlparse(url).path).name
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(file), progress=progress)
    return load_checkpoint_file(str(file), map_location)


mmengine.runner.checkpoint.load_url = _load_url


def _log(message: str, logger: Any = None, level: int = logging.INFO) -> None:
    """Log messages that mmengine's loader would print, such as the path of the file."""
    print_log(message, logger or "current", level)


mmengine.runner.checkpoint.print_log = _log


def _check_archive(path: Path) -> None:
    """Check that an archive is intact and unpacks to no more than its size.

    Older checkpoint files are not archives and are skipped.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(4) == _ZIP:
                raise DamagedCheckpointError(
                    f"Checkpoint {path} is damaged: its end is missing. Copy or download it again."
                )
        return
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        size, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
        packed = sum(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if any(entry.filename.endswith("constants.pkl") for entry in entries):
            return  # TorchScript stores compressed code: torch.load rejects it unread
        if packed or unpacked > size:
            raise DamagedCheckpointError(
                f"Expected checkpoint {path} to be an archive without compression, as torch.save "
                f"writes it, but {packed} of its {len(entries)} parts are packed and its "
                f"{size:,} bytes grow to {unpacked:,}. Write it again with torch.save."
            )
        # torch.serialization.set_crc32_options(False) writes zeros instead of checksums.
        checked = any(entry.CRC for entry in entries)
        bad = archive.testzip() if checked else None
    if bad is not None:
        raise DamagedCheckpointError(
            f"Checkpoint {path} is damaged: its part {bad} has changed. Copy or download it again."
        )


def _check_names(checkpoint: Any, path: Path) -> None:
    """Check that a checkpoint holds weights by name."""
    parts = [checkpoint]
    if isinstance(checkpoint, Mapping):
        parts.append(checkpoint.get("state_dict", checkpoint))
        if isinstance(checkpoint.get("model"), Mapping):
            parts.append(checkpoint["model"])
    for part in parts:
        found = f"a {type(part).__name__}"
        if isinstance(part, Mapping):
            other = next((name for name in part if not isinstance(name, str)), "")
            if isinstance(other, str):
                continue
            found = f"a name of type {type(other).__name__}"
        raise DamagedCheckpointError(
            f"Expected checkpoint {path} to hold weights by name, like the iter_*.pth of a run, "
            f"but it holds {found}."
        )


def _cure(path: Path) -> str:
    """Return advice for an unreadable file, based on its first bytes."""
    with path.open("rb") as file:
        begin = file.read(64)
    if not begin:
        return "It is empty: copy or download it again"
    if begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") < path.stat().st_size:
        return f"It looks like a safetensors file: rename it to {path.with_suffix(SUFFIX).name}"
    for sign, kind in _KINDS.items():
        if begin.lstrip().startswith(sign):
            return f"It looks like {kind}"
    return "Expected a file that torch.save wrote: copy or download it again"


def _holds_code(path: Path, reason: str) -> bool:
    """Return whether torch refused a file for its content, not because it is damaged."""
    if ".tar format" in reason:
        try:
            with tarfile.open(path) as archive:  # a file of zeros looks like a tar file to torch
                return bool(archive.getnames())
        except Exception:  # a damaged header can raise nearly anything
            return False
    known = "global" in reason.lower() or "not part of a log" in reason or "TorchScript" in reason
    return known and not _trusted.get()


def missing_checkpoint(path: str | Path) -> FileNotFoundError:
    """Return the error for a checkpoint that does not exist, which lists those that do."""
    folder = Path(path).parent
    return FileNotFoundError(f"Checkpoint {path} does not exist: {describe_checkpoints(folder)}.")


def describe_checkpoints(folder: Path) -> str:
    """Return half a sentence that lists the checkpoints in a folder, newest first."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    found = [(file.stat().st_mtime, file.name) for file in folder.glob("*.pth") if file.is_file()]
    names = [name for _, name in sorted(found, reverse=True)]
    if not names:
        return f"{folder} contains no checkpoint (iter_*.pth or best_*.pth)"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{folder} contains {', '.join(names[:LISTED])}{more}"
