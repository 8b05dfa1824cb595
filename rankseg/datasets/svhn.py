# SPDX-License-Identifier: Apache-2.0
"""Street View House Numbers data set of cropped digits."""

from collections.abc import Sequence

import numpy as np
from scipy.io import loadmat, savemat

from rankseg.datasets.arrays import ArrayDataset, Arrays
from rankseg.errors import FileError
from rankseg.registry import DATASETS
from rankseg.utils.palette import distinct_colors

DIGITS = tuple("0123456789")


def read_mat(path: str) -> Arrays:
    """Read a file of cropped digits: ``X``, ``(32, 32, 3, N)`` uint8, and ``y``, 1 to 10 (10 is 0).

    Raises:
        FileError: If the file is damaged or has another format.
    """
    try:
        content = loadmat(path, variable_names=("X", "y"))
        images, labels = content["X"], content["y"].ravel()
    except Exception as error:  # a damaged file can raise anything
        raise FileError(_unreadable(path, error)) from error
    good = images.shape == (32, 32, 3, len(labels)) and images.dtype == np.uint8
    if not good or labels.dtype.kind not in "iuf":
        raise FileError(_unreadable(path, "X must be (32, 32, 3, N) uint8 and y N labels"))
    if labels.size and not 1 <= labels.min() <= labels.max() <= 10:
        raise FileError(_unreadable(path, "labels must be 1 to 10"))
    return Arrays(np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10)


def _unreadable(path: str, reason: object) -> str:
    return (
        f"Expected {path} to be a file of cropped SVHN digits, but got: {reason}. Download it "
        "again from http://ufldl.stanford.edu/housenumbers"
    )


@DATASETS.register_module()
class SVHNDataset(ArrayDataset):
    """SVHN cropped digits, 32 x 32 pixels: 73,257 ``train``, 26,032 ``test``, 531,131 ``extra``.

    ``data_root`` is the folder with ``train_32x32.mat``, ``test_32x32.mat`` and optionally
    ``extra_32x32.mat``. Other arguments as in :class:`ArrayDataset`. The classes are the digits in
    order; label 10 in the files means 0.
    """

    METAINFO = {"classes": DIGITS, "palette": distinct_colors(len(DIGITS), background=False)}
    TITLE = SECTION = "SVHN"
    SHORT_NAME = "svhn"
    PARTS = {part: (f"{part}_32x32.mat",) for part in ("train", "test", "extra")}

    @staticmethod
    def read_files(paths: Sequence[str]) -> Arrays:
        """See the base class."""
        (path,) = paths
        return read_mat(path)

    @staticmethod
    def write_file(path: str, arrays: Arrays) -> None:
        """See the base class."""
        digits = np.where(arrays.labels == 0, 10, arrays.labels).astype(np.uint8)[:, None]
        savemat(path, {"X": arrays.images.transpose(1, 2, 3, 0), "y": digits})
