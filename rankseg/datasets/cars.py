# SPDX-License-Identifier: Apache-2.0
"""Cars-196 data set of car models."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

from rankseg.datasets.indexed import IndexedDataset, Row, StandinImage
from rankseg.registry import DATASETS

TRAIN = 98  # classes
DEVKIT = ("devkit/cars_meta.mat", "devkit/cars_train_annos.mat")
LABELS = "cars_test_annos_withlabels.mat"  # distributed separately from the devkit


def read_structs(path: Path) -> list[dict]:
    """Read the annotations of a MATLAB file as one dict per image."""
    content = loadmat(path, variable_names=("annotations",), simplify_cells=True)["annotations"]
    return [content] if isinstance(content, dict) else list(content)


@DATASETS.register_module()
class CarsDataset(IndexedDataset):
    """Cars-196 with the metric-learning split: ``train`` and ``test`` have different classes.

    ``train`` has 8,054 images of the first 98 classes and ``test`` 8,131 images of the other 98;
    both mix the official training and test images. ``data_root`` is a folder with
    ``cars_annos.mat`` and ``car_ims``, or with the devkit, ``cars_test_annos_withlabels.mat``,
    ``cars_train`` and ``cars_test``. Other arguments as in
    :class:`~rankseg.datasets.indexed.IndexedDataset`.
    """

    TITLE, SHORT_NAME = "Cars-196", "cars"
    INDEX = (("cars_annos.mat",), (*DEVKIT, f"devkit/{LABELS}"), (*DEVKIT, LABELS))
    PUBLISHED = {"train": (8054, 98), "test": (8131, 98)}

    @classmethod
    def read_index(cls, root: Path, paths: Sequence[Path]) -> list[Row]:
        """Read the index as in the base class, sorted by class."""
        names = loadmat(paths[0], variable_names=("class_names",), simplify_cells=True)
        numbered = sorted(cls._numbered(paths))
        return [
            Row(image, str(names["class_names"][k - 1]), "train" if k <= TRAIN else "test")
            for k, image in numbered
        ]

    @staticmethod
    def _numbered(paths: Sequence[Path]) -> Iterator[tuple[int, str]]:
        """Yield the class number, from 1, and the file of every image."""
        if len(paths) == 1:
            for one in read_structs(paths[0]):
                yield int(one["class"]), str(one["relative_im_path"])
            return
        for path, folder in zip(paths[1:], ("cars_train", "cars_test"), strict=True):
            for one in read_structs(path):
                yield int(one["class"]), f"{folder}/{one['fname']}"

    @classmethod
    def write_index(cls, root: Path, images: Sequence[StandinImage]) -> list[str]:
        """See the base class."""
        paths = [f"car_ims/{i:06}.jpg" for i, _ in enumerate(images, start=1)]
        kind = [("relative_im_path", object), ("class", object)]
        rows = [(path, one.label) for path, one in zip(paths, images, strict=True)]
        names = np.array([f"Car C/V {k} 2012" for k in range(1, 197)], dtype=object)
        content = {"annotations": np.array(rows, dtype=kind), "class_names": names}
        savemat(root / "cars_annos.mat", content)
        return paths
