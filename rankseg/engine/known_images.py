# SPDX-License-Identifier: Apache-2.0
"""Training images with known classes, for evaluation."""

import os
import re
from collections.abc import Sequence

import numpy as np

from rankseg.datasets.semi import SemiDataset
from rankseg.datasets.splits.split_files import find_images
from rankseg.evaluation.features import draw_share

BANKS = ("labeled", "all")


def known_images(train: SemiDataset, bank: str = "all") -> tuple[np.ndarray, list[int]]:
    """Return classes and indices of the training images with a known class, each image once.

    The bank is ``"labeled"``, or ``"all"`` to include images whose class is hidden from training.
    """
    if bank not in BANKS:
        raise ValueError(f"Expected bank to be one of {', '.join(BANKS)}, but got {bank!r}.")
    labels = train.labeled.class_ids() if train.num_labeled else np.empty(0, np.int64)
    if bank == "all":
        rest = train.unlabeled.class_ids()
        if train.include_labeled:  # labeled images repeat after the unlabeled ones
            rest = rest[: len(rest) - len(labels)]
        labels = np.concatenate([labels, rest])
    indices = np.flatnonzero(labels >= 0)
    if not len(indices):
        cure = "Set bank='all' to include unlabeled images whose class follows from their names."
        raise ValueError(
            f"Expected images with a known class, but the {train.describe()}, and none has one. "
            + (cure if bank == "labeled" else "Label some images.")
        )
    return labels[indices], indices.tolist()


def image_names(train: SemiDataset, indices: Sequence[int]) -> list[str]:
    """Return the paths of training images, or their stand-ins for data sets in arrays."""
    split = train.num_labeled
    return [
        (train.labeled.get_data_info(i) if i < split else train.unlabeled.get_data_info(i - split))[
            "img_path"
        ]
        for i in indices
    ]


def probe_rows(
    spec: str, train: SemiDataset, labels: np.ndarray, indices: Sequence[int], seed: int = 0
) -> np.ndarray:
    """Return the images that a linear probe trains on, as positions among the known ones.

    ``spec`` is ``"all"``, ``"labeled"``, a share of every class such as ``"1%"``, or the path of a
    list file, here or in the data root.
    """
    if spec == "all":
        return np.arange(len(labels))
    if spec == "labeled":
        rows = np.flatnonzero(np.asarray(indices) < train.num_labeled)
        if not len(rows):
            raise ValueError(
                "Expected labeled images for probe 'labeled', but the training set has none."
            )
        return rows
    if share := re.fullmatch(r"(\d+(?:\.\d+)?)%", spec):
        if not 0 < float(share[1]) <= 100:
            raise ValueError(
                f"Expected the share of a probe to be above 0% and at most 100%, but got '{spec}'."
            )
        return draw_share(labels, float(share[1]) / 100, seed)
    root = train.unlabeled.data_root
    names = [name.removeprefix(f"{root}/") for name in image_names(train, indices)]
    return np.array(find_images(_find_list(spec, root), [(name, None) for name in names]))


def _find_list(spec: str, root: str) -> str:
    found = next((path for path in (spec, os.path.join(root, spec)) if os.path.isfile(path)), None)
    if found is None:
        raise FileNotFoundError(
            "Expected a probe to be 'all', 'labeled', a share such as 1%, or a list file, here or "
            f"in {root}, but got '{spec}'."
        )
    return found
