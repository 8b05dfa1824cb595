# SPDX-License-Identifier: Apache-2.0
"""File layouts of the published retrieval data sets, detected by their index files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Layout(NamedTuple):
    """Layout of one published data set.

    Attributes:
        title: Name of the data set.
        indices: Alternatives of index files, relative to the data root. The first alternative whose
            files all exist is used.
    """

    title: str
    indices: tuple[tuple[str, ...], ...]


DEVKIT = ("devkit/cars_meta.mat", "devkit/cars_train_annos.mat")
LABELS = "cars_test_annos_withlabels.mat"  # distributed separately from the devkit
PARTITION = "list_eval_partition.txt"

LAYOUTS = {
    "CUBDataset": Layout(
        "CUB-200-2011", (("images.txt", "image_class_labels.txt", "classes.txt"),)
    ),
    "CarsDataset": Layout(
        "Cars-196", (("cars_annos.mat",), (*DEVKIT, f"devkit/{LABELS}"), (*DEVKIT, LABELS))
    ),
    "SOPDataset": Layout("Stanford Online Products", (("Ebay_train.txt", "Ebay_test.txt"),)),
    "InShopDataset": Layout(
        "In-Shop", tuple((f"{folder}{PARTITION}",) for folder in ("", "Eval/", "Anno/"))
    ),
}
"""Layout of each data set."""


def find_index(root: str | Path, kind: str) -> tuple[Path, ...] | None:
    """Return the index files of a data set, or None if some are missing."""
    for names in LAYOUTS[kind].indices:
        paths = tuple(Path(root, name) for name in names)
        if all(path.is_file() for path in paths):
            return paths
    return None


def recognise(root: str | Path) -> str | None:
    """Return the data set of :data:`LAYOUTS` that a folder holds, or None."""
    return next((kind for kind in LAYOUTS if find_index(root, kind)), None)


def hint(root: str | Path, kind: str = "") -> str:
    """Suggest a command if a folder holds a published data set; empty otherwise.

    Args:
        root: The folder.
        kind: Name of the data set, if known.
    """
    kind = kind or recognise(root) or ""
    if not kind:
        return ""
    return (
        f"{root} is laid out as {LAYOUTS[kind].title}: use type='{kind}' in a config "
        f"(configs/_base_/datasets), or --dataset {dataset_option(kind)} on the command line"
    )


def dataset_option(kind: str) -> str:
    """Return the value of ``tools/make_splits.py --dataset`` for a data set.

    >>> dataset_option("InShopDataset")
    'inshop'
    """
    return kind.removesuffix("Dataset").lower()


def missing_index(root: str | Path, kind: str) -> str:
    """Describe which files are missing, and the sub-folder that contains them, if any.

    Args:
        root: The data root.
        kind: Name of the data set in :data:`LAYOUTS`.
    """
    title, indices = LAYOUTS[kind]
    wanted = " or ".join(_listed(names) for names in dict.fromkeys(indices))
    below = [path for path in sorted(Path(root).iterdir()) if path.is_dir()]
    inside = next((path for path in below if find_index(path, kind)), None)
    where = f"; {inside} has them: name that folder" if inside else ""
    other = recognise(root)
    where = f"; {hint(root, other)}" if other else where
    return f"the data root '{root}' does not hold {title}: expected {wanted}{where}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
