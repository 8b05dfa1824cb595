# SPDX-License-Identifier: Apache-2.0
"""Loading checkpoints without running what a stranger may have put into them."""

import pickle
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from rankseg.models.pretrained import NUMPY_NUMBERS
from rankseg.models.weights import BadWeightsError


def _history_method(owner: type, name: str) -> object:
    """Stands in for ``getattr``, by which a log buffer's pickle names its own methods."""
    if owner is not HistoryBuffer or name.startswith("_"):
        raise pickle.UnpicklingError(f"getattr({owner!r}, {name!r}) is not part of a log")
    return getattr(owner, name)


# What mmengine's checkpoints hold besides tensors: numbers of the log. mmengine's own list of what
# may be built while loading has the real `getattr` in it, which opens a way to everything.
_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_DATA = [
    *NUMPY_NUMBERS,
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),  # written by NumPy 1
    (_RECONSTRUCT, "numpy._core.multiarray._reconstruct"),  # written by NumPy 2
    np.ndarray,
    np.dtypes.Int64DType,
    np.dtypes.UInt32DType,
    slice,
    HistoryBuffer,
    (_history_method, "builtins.getattr"),
    (_history_method, "getattr"),
]


_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


class DamagedCheckpointError(ValueError):
    """A checkpoint that cannot be read, or lacks what a run needs to go on."""


@contextmanager
def trust_checkpoints(trust: bool = True) -> Iterator[None]:
    """Within this context checkpoints are loaded even if that runs code from the file."""
    token = _trusted.set(trust)
    try:
        yield
    finally:
        _trusted.reset(token)


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_checkpoint_file(filename: str, map_location=None) -> dict:
    """Read a checkpoint as data; takes the place of mmengine's loader for local files.

    mmengine's own loader unpickles whatever is in the file when it holds more than data, and its
    ``resume`` runs the config text inside. Here the first is refused, unless within
    :func:`trust_checkpoints`, and the second left out: the config of a run lies beside its
    checkpoint as a file.

    Raises:
        FileNotFoundError: If there is no such file.
        DamagedCheckpointError: If the file is damaged or no checkpoint.
        ValueError: If it holds anything but data.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"checkpoint {path} does not exist: checkpoints of a run lie in its work folder, as "
            "iter_*.pth and best_*.pth"
        )
    try:
        with torch.serialization.safe_globals(_DATA):
            checkpoint = torch.load(
                path, map_location=map_location, weights_only=not _trusted.get()
            )
    except Exception as error:  # whatever a file that is none makes of the unpickler
        if _holds_code(path, str(error)):
            raise ValueError(
                f"checkpoint {path} holds more than data and was not loaded, because loading it "
                "would run code from the file; --trust-checkpoint insists, for a file whose "
                "author you trust"
            ) from error
        raise DamagedCheckpointError(
            f"checkpoint {path} is damaged or no checkpoint: it cannot be read "
            f"({type(error).__name__})"
        ) from error
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get("meta"), dict):
        checkpoint["meta"].pop("config", None)
    return checkpoint


def _holds_code(path: Path, reason: str) -> bool:
    """Whether torch did not load a file for what is in it, not for being damaged."""
    if ".tar format" in reason:
        with tarfile.open(path) as archive:  # torch takes a file of zeros for one
            return bool(archive.getnames())
    known = "global" in reason.lower() or "not part of a log" in reason or "TorchScript" in reason
    return known and not _trusted.get()


NEEDED = ("meta", "state_dict", "message_hub", "optimizer")


def read_resumable(filename: str | Path) -> dict:
    """Read a checkpoint that a run is to go on from, to the last byte.

    ``torch.load`` does not notice a changed byte; the checksums in the file tell.

    Returns:
        Its content, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        DamagedCheckpointError: If it is damaged, or lacks what a run needs to go on.
        ValueError: If it holds anything but data.
    """
    path = Path(filename)
    checkpoint = load_checkpoint_file(str(path), map_location="cpu")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
        if bad is not None:
            raise DamagedCheckpointError(f"checkpoint {path} is damaged: {bad} in it was changed")
    lacking = [key for key in NEEDED if not isinstance(checkpoint, dict) or key not in checkpoint]
    if not lacking:
        meta = checkpoint["meta"] if isinstance(checkpoint["meta"], dict) else {}
        lacking = [f"meta.{key}" for key in ("iter", "epoch") if not isinstance(meta.get(key), int)]
    if lacking:
        raise DamagedCheckpointError(
            f"checkpoint {path} has no {' and no '.join(lacking)}, without which a run cannot go "
            "on: expected an iter_*.pth of a run"
        )
    return checkpoint


def misfit(path: str, error: RuntimeError) -> ValueError:
    """One sentence in place of the list that a strict ``load_state_dict`` ends with."""
    if isinstance(error, BadWeightsError):
        return ValueError(f"checkpoint {path}: {error}")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()][1:]
    more = f"; and {len(lines) - 3} more" if len(lines) > 3 else ""
    return ValueError(
        f"checkpoint {path} does not fit the model of this config: "
        f"{'; '.join(map(_shortened, lines[:3]))}{more}. Use the config that it was trained with"
    )


def _shortened(line: str) -> str:
    """A line of that list with three names of however many."""
    kind, _, listed = line.partition(": ")
    names = [name.strip(' ".') for name in listed.split(",")]
    if "mismatch" in kind:
        return line.rstrip(".")
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind.lower()}: {', '.join(names[:3])}{more}"
