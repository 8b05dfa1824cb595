# SPDX-License-Identifier: Apache-2.0
"""Export of a trained network to a safetensors file."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from rankseg.export.released import refuse_existing
from rankseg.inference.load import load_trained
from rankseg.models.weights.safetensors_file import SUFFIX, write_safetensors


def to_safetensors(
    cfg: Config, checkpoint: str, out: str | Path, *, network: str | None = None
) -> dict[str, Any]:
    """Write the weights of one network to a safetensors file, without optimizer and log.

    Every tool takes the file in place of a checkpoint, except for resuming. Its header contains
    names and colors of the classes.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        out: Output file, which must not exist and end in ``.safetensors``.
        network: ``"student"`` or ``"teacher"``. Default: the network used for prediction.

    Returns:
        ``network``, and the numbers of ``tensors``, ``parameters`` and ``classes``.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If the checkpoint does not match, the name of the output does not fit, or the
            package is not installed.
        WriteError: If the file cannot be written.
    """
    out = Path(out)
    if out.suffix != SUFFIX:
        raise ValueError(
            f"Expected an output file that ends in {SUFFIX}, but got {out}. Rename it."
        )
    refuse_existing(out)
    trained = load_trained(cfg, checkpoint, network)
    state = trained.network.state_dict()
    write_safetensors(out, state, {"classes": trained.classes, "palette": trained.palette})
    return {
        "network": trained.name,
        "tensors": len(state),
        "parameters": sum(one.numel() for one in trained.network.parameters()),
        "classes": len(trained.classes),
    }
