# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 and CIFAR-100, read from the original Python pickles."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rankseg.datasets.arrays import ArrayDataset, Arrays
from rankseg.errors import FileError
from rankseg.registry import DATASETS
from rankseg.utils.palette import distinct_colors
from rankseg.utils.safe_pickle import ARRAY_PARTS

CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
    "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house",
    "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
    "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy",
    "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal",
    "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar",
    "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman",
    "worm",
)  # fmt: skip

CIFAR100_GROUPS = {
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}
"""The 20 coarse classes of CIFAR-100 in id order."""


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Encode text as Latin-1, as Python 3 does for bytes in old pickles; no other codec is used."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it requests the encoding {encoding!r}")
    return text.encode("latin1")


ALLOWED = {**ARRAY_PARTS, "_codecs.encode": _encode_latin1}
"""The only callables that a pickle of arrays and plain containers may use."""


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler that loads only arrays, numbers, strings and containers, and runs no other code."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up a name that the pickle requests."""
        if (path := f"{module}.{name}") not in ALLOWED:
            raise pickle.UnpicklingError(
                f"it requests to run {path}, which a file of arrays does not need"
            )
        return ALLOWED[path]


def read_pickle(path: str | Path) -> dict:
    """Read a pickled dictionary of arrays, numbers and strings; Python 2 strings stay bytes.

    Raises:
        FileNotFoundError: If the file does not exist.
        FileError: If the file is not such a pickle, or requests code to be run.
    """
    with open(path, "rb") as file:
        try:
            content = ArrayUnpickler(file, encoding="bytes").load()
        except Exception as error:  # a damaged pickle can raise anything
            raise FileError(_unreadable(path, str(error) or type(error).__name__)) from error
    if not isinstance(content, dict):
        raise FileError(_unreadable(path, f"a {type(content).__name__}, not a dict"))
    return content


def _unreadable(path: str | Path, reason: str) -> str:
    return (
        f"Expected {path} to be a batch of CIFAR, but got: {reason}. Unpack the 'python version' "
        "archive of https://www.cs.toronto.edu/~kriz/cifar.html again."
    )


def read_batch(path: str | Path, key: bytes, num_classes: int) -> Arrays:
    """Read one CIFAR file.

    Args:
        path: The file.
        key: Key of the labels: ``b"labels"`` or ``b"fine_labels"``.
        num_classes: Number of classes.

    Raises:
        FileNotFoundError: If the file does not exist.
        FileError: If the number of 32 x 32 images and the number of labels differ.
    """
    content = read_pickle(path)
    pixels, labels = (np.asarray(content.get(name, ())) for name in (b"data", key))
    good = pixels.ndim == 2 and pixels.shape[1:] == (3072,) and pixels.dtype == np.uint8
    if not good or labels.shape != pixels.shape[:1] or labels.dtype.kind not in "iu":
        raise FileError(_unreadable(path, f"b'data' must be (N, 3072) uint8 and {key!r} N labels"))
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise FileError(_unreadable(path, f"labels must be 0 to {num_classes - 1}"))
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Arrays(np.ascontiguousarray(images), labels.astype(np.int64))


class CIFARDataset(ArrayDataset):
    """Base class of CIFAR-10 and CIFAR-100."""

    SECTION = "CIFAR-10 and CIFAR-100"
    KEY = b"labels"
    """Key of the labels in a file."""

    @classmethod
    def read_files(cls, paths: Sequence[str]) -> Arrays:
        """See the base class."""
        parts = [read_batch(path, cls.KEY, len(cls.METAINFO["classes"])) for path in paths]
        return Arrays(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @classmethod
    def write_file(cls, path: str, arrays: Arrays) -> None:
        """See the base class."""
        pixels = arrays.images.transpose(0, 3, 1, 2).reshape(len(arrays.images), -1)
        content = {b"data": pixels, cls.KEY: arrays.labels.tolist()}
        Path(path).write_bytes(pickle.dumps(content, protocol=2))


@DATASETS.register_module()
class CIFAR10Dataset(CIFARDataset):
    """CIFAR-10: 50,000 training and 10,000 test images of 32 x 32 pixels, 10 classes.

    ``data_root`` is the folder with ``cifar-10-batches-py``. Images are numbered from
    ``data_batch_1`` through ``data_batch_5``. Other arguments as in :class:`ArrayDataset`.
    """

    METAINFO = {"classes": CIFAR10, "palette": distinct_colors(len(CIFAR10), background=False)}
    TITLE, SHORT_NAME = "CIFAR-10", "cifar10"
    PARTS = {
        "train": tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        "test": ("cifar-10-batches-py/test_batch",),
    }


@DATASETS.register_module()
class CIFAR100Dataset(CIFARDataset):
    """CIFAR-100: 50,000 training and 10,000 test images of 32 x 32 pixels, 100 fine classes.

    ``data_root`` is the folder with ``cifar-100-python``. ``coarse=True`` uses the 20 coarse
    classes instead of the fine ones. Other arguments as in :class:`ArrayDataset`.
    """

    METAINFO = {"classes": CIFAR100, "palette": distinct_colors(len(CIFAR100), background=False)}
    TITLE, SHORT_NAME = "CIFAR-100", "cifar100"
    KEY = b"fine_labels"
    GROUPS = {name: group for group, names in CIFAR100_GROUPS.items() for name in names}
    PARTS = {"train": ("cifar-100-python/train",), "test": ("cifar-100-python/test",)}
