# SPDX-License-Identifier: Apache-2.0
"""Writer for picture files."""

from pathlib import Path

import numpy as np

from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization.panel import encode


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write a uint8 ``(H, W, 3)`` RGB picture to a PNG file atomically.

    Raises:
        WriteError: If the file cannot be written.
    """
    with atomic_write(path) as partial:
        partial.write_bytes(encode(picture))
