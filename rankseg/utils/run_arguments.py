# SPDX-License-Identifier: Apache-2.0
"""Arguments that name a run folder in place of a config and a checkpoint."""

from pathlib import Path
from typing import NamedTuple

CONFIGS = (".py", ".json", ".yaml", ".yml")
WEIGHTS = (".pth", ".safetensors")
LINKS = {"last": "last", "last.pth": "last", "best": "best", "best.pth": "best"}


class RunReference(NamedTuple):
    """Run folder, and the checkpoint that is meant.

    Attributes:
        folder: Work folder of the run.
        which: ``"last"``, ``"best"``, the path of a checkpoint file, or None for the best choice.
    """

    folder: Path
    which: str | None


def parse_run(text: str | Path) -> RunReference | None:
    """Parse ``RUN``, ``RUN/last``, ``RUN/best`` or ``RUN/iter_100.pth``.

    Returns:
        The reference, or None for a config and for paths in folders that do not exist.
    """
    path = Path(text)
    if path.is_dir():
        return RunReference(path, None)
    if path.suffix in CONFIGS or not path.parent.is_dir():
        return None
    if path.name in LINKS:
        return RunReference(path.parent, LINKS[path.name])
    return RunReference(path.parent, str(path)) if path.suffix in WEIGHTS else None
