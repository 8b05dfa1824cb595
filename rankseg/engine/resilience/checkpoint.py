# SPDX-License-Identifier: Apache-2.0
"""Reader for checkpoints to resume from, and errors for mismatched ones."""

from pathlib import Path

from rankseg.models.weights.checkpoint_file import (
    DamagedCheckpointError,
    load_checkpoint_file,
    look_at_checkpoint,
    reading_once,
    trust_checkpoints,
)
from rankseg.models.weights.finite import BadWeightsError

__all__ = [
    "DamagedCheckpointError",
    "load_checkpoint_file",
    "look_at_checkpoint",
    "mismatch_error",
    "read_resumable",
    "reading_once",
    "trust_checkpoints",
]

NEEDED = ("meta", "state_dict", "message_hub", "optimizer")


def read_resumable(filename: str | Path) -> dict:
    """Read a checkpoint to resume from.

    Returns:
        Content of the checkpoint, on the CPU. It must not be changed.
    """
    path = Path(filename)
    checkpoint = look_at_checkpoint(path)
    lacking = [key for key in NEEDED if key not in checkpoint]
    if not lacking:
        meta = checkpoint["meta"] if isinstance(checkpoint["meta"], dict) else {}
        lacking = [f"meta.{key}" for key in ("iter", "epoch") if not isinstance(meta.get(key), int)]
    if lacking:
        raise DamagedCheckpointError(
            f"Expected checkpoint {path} to be an iter_*.pth of a run, but it has no "
            f"{' and no '.join(lacking)}, so a run cannot resume from it."
        )
    return checkpoint


def mismatch_error(path: str, error: RuntimeError) -> ValueError:
    """Summarize the error of a strict ``load_state_dict`` in one sentence."""
    if isinstance(error, BadWeightsError):
        return ValueError(f"Checkpoint {path}: {error}")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()][1:]
    more = f"; and {len(lines) - 3} more" if len(lines) > 3 else ""
    return ValueError(
        f"Checkpoint {path} does not fit the model of this config: "
        f"{'; '.join(map(_shortened, lines[:3]))}{more}. Use the config that it was trained with."
    )


def _shortened(line: str) -> str:
    """Shorten a line of that error to at most three names."""
    kind, _, listed = line.partition(": ")
    names = [name.strip(' ".') for name in listed.split(",")]
    if "mismatch" in kind:
        return line.rstrip(".")
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind.lower()}: {', '.join(names[:3])}{more}"
