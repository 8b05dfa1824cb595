# SPDX-License-Identifier: Apache-2.0
"""Version of the code that a run used."""

import subprocess
from functools import cache
from pathlib import Path

from rankseg.version import __version__

ROOT = Path(__file__).resolve().parents[2]


@cache
def code_version(root: Path = ROOT) -> str:
    """Return the version, and in a clone of the repository the commit.

    Example:
        >>> code_version(Path("/")) == __version__
        True
    """
    if not (root / ".git").exists():
        return __version__
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=8", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    commit = found.stdout.strip()
    return f"{__version__} ({commit})" if found.returncode == 0 and commit else __version__
