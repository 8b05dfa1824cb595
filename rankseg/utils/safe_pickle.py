# SPDX-License-Identifier: Apache-2.0
"""Parts of NumPy arrays that a file may name when it is unpickled, for all readers of pickles."""

from typing import Any

import numpy as np

_RECONSTRUCT = np.zeros(0).__reduce__()[0]

ARRAY_PARTS: dict[str, Any] = {
    "numpy.core.multiarray._reconstruct": _RECONSTRUCT,  # written by NumPy 1
    "numpy._core.multiarray._reconstruct": _RECONSTRUCT,  # written by NumPy 2
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
}
"""What stands for each name. None of them runs code from the file."""
