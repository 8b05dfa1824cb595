# SPDX-License-Identifier: Apache-2.0
"""Loading checkpoints without running what a stranger may have put into them."""

import pickle
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from rankseg.models.pretrained import NUMPY_NUMBERS


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


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_checkpoint_file(filename: str, map_location=None) -> dict:
    """Read a checkpoint as data; takes the place of mmengine's loader for local files.

    mmengine's own loader unpickles whatever is in the file when it holds more than data, and its
    ``resume`` runs the config text inside. Here the first is refused and the second left out: the
    config of a run lies beside its checkpoint as a file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds anything but data.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"checkpoint {path} does not exist: checkpoints of a run lie in its work folder, as "
            "iter_*.pth and best_*.pth"
        )
    try:
        with torch.serialization.safe_globals(_DATA):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # whatever a file that is none makes of the unpickler
        if "global" in str(error).lower() or "not part of a log" in str(error):
            raise ValueError(
                f"checkpoint {path} holds more than data and was not loaded, because loading it "
                "would run code from the file"
            ) from error
        raise ValueError(
            f"checkpoint {path} is damaged or no checkpoint: it cannot be read "
            f"({type(error).__name__})"
        ) from error
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get("meta"), dict):
        checkpoint["meta"].pop("config", None)
    return checkpoint


def misfit(path: str, error: RuntimeError) -> ValueError:
    """One sentence in place of the list that a strict ``load_state_dict`` ends with."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()][1:]
    more = f" and {len(lines) - 2} more" if len(lines) > 2 else ""
    return ValueError(
        f"checkpoint {path} does not fit the model of this config: "
        f"{' '.join(line[:200] for line in lines[:2])}{more}; use the config that it was trained "
        "with"
    )
