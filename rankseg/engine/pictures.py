# SPDX-License-Identifier: Apache-2.0
"""Writer for picture files."""

from pathlib import Path

import numpy as np

from rankseg.utils.atomic_file import whole_file
from rankseg.visualization.panel import encode


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write a uint8 ``(H, W, 3)`` RGB picture to a PNG file atomically.

    Raises:
        WriteError: If the file cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_bytes(encode(picture))
