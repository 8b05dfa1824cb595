# SPDX-License-Identifier: Apache-2.0
"""Loading checkpoints without running what a stranger may have put into them."""

import pickle
from pathlib import Path

import torch
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner.checkpoint import get_torch_safe_globals


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
        with torch.serialization.safe_globals(get_torch_safe_globals()):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().splitlines()
        raise ValueError(
            f"checkpoint {path} is damaged, or holds more than data and was not loaded, because "
            f"loading it would run code from the file: {reason[0] if reason else error!r}"
        ) from error
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get("meta"), dict):
        checkpoint["meta"].pop("config", None)
    return checkpoint


def load_weights(runner: Runner, path: str) -> None:
    """Load a checkpoint of a method, or of a plain segmentor, into the runner's model.

    Raises:
        ValueError: If names or shapes do not fit, saying which.
    """
    try:
        runner.load_checkpoint(path, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ValueError(
            f"checkpoint {path} does not fit the model of this config: "
            f"{' '.join(lines[1:])[:600]}; use the config that it was trained with"
        ) from error
