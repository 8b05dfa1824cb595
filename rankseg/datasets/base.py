# SPDX-License-Identifier: Apache-2.0
"""Base classes for data sets whose samples are named by a list."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from rankseg.datasets.class_names import check_names, check_palette
from rankseg.datasets.file_checks import FileValidator, missing_files, spelling
from rankseg.datasets.splits.splits import (
    LABELED_FILE,
    UNLABELED_FILE,
    VAL_FILE,
    Entry,
    PublishedSplits,
    check_inside,
    read_list,
)
from rankseg.imageio.masks import BINARY, LabelRule
from rankseg.registry import DATASETS, TRANSFORMS
from rankseg.utils.palette import class_palette

MAKE_DEMO = "Make the demo set with `make demo`."
TINY = 2  # validation images of a smoke test


def make_palette(number: int) -> list[list[int]]:
    """Build the palette of PASCAL VOC of up to 256 colors, black first.

    Many of its colors look alike. Pictures of a data set without a palette of its own use
    :func:`rankseg.utils.palette.class_palette`.

    >>> make_palette(3)
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    colors = []
    for index in range(number):
        color = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                color[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
        colors.append(color)
    return colors


def check_data_root(data_root: str | Path | None, who: "type[ListDataset] | str") -> Path:
    """Check that the image folder exists.

    Args:
        data_root: The folder.
        who: Data set class, or name of the tool, that needs it.

    Raises:
        FileNotFoundError: If the folder does not exist or is not given.
    """
    name, page = (who, "data/README.md") if isinstance(who, str) else (who.__name__, who.readme())
    cure = (
        "Give the folder with --data-root (`tools/train.py CONFIG --data-root FOLDER`). "
        f"{page} shows its layout."
    )
    if not data_root:
        raise FileNotFoundError(
            f"Expected data_root of {name} to be a folder, but got none. {cure}"
        )
    if not Path(data_root).is_dir():
        cure = MAKE_DEMO if is_demo(data_root) else cure
        raise FileNotFoundError(
            f"Expected data_root of {name} to be a folder, but '{data_root}' does not exist. {cure}"
        )
    return Path(data_root)


def is_demo(data_root: str | Path) -> bool:
    """Return whether the folder belongs to the generated demo set, which `make demo` writes."""
    return "/data/demo/" in f"/{Path(data_root).as_posix()}/"


class ListDataset(BaseDataset):
    """Base class for data sets whose samples are named by a list.

    Args:
        data_root: Folder that the names in the list are relative to.
        ann_file: Path of the list, relative to the data root unless absolute.
        metainfo: ``classes`` (names in id order) and optionally ``palette`` (RGB).
        pipeline: Transforms, as configs or objects.
        test_mode: See :class:`mmengine.dataset.BaseDataset`.
        more_lists: Further lists whose samples are appended.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset` (``indices``, ``lazy_init``, ...).

    Raises:
        FileNotFoundError: If the data root, a list or an image is missing.
        ValueError: If a list is empty or the classes are unknown.
    """

    METAINFO: dict = {}
    TITLE = ""
    """Name of the published data set."""
    SHORT_NAME = ""
    """Value of ``--dataset`` in the tools; a subclass does not inherit it."""
    SECTION = ""
    """Section of data/README.md that shows the layout."""
    SPLITS: PublishedSplits | None = None
    """Published splits, if there are any."""
    INDEX: tuple[tuple[str, ...], ...] = ()
    """Alternatives of index files, relative to the data root. The first alternative whose files all
    exist is used."""
    IMAGE_FOLDER = ""
    """Folder of the images in the published lists, by which lists are recognized."""
    FINE_LISTS: tuple[str, ...] = ()
    """Lists of finely annotated images below the data root; the first that exists is used."""
    FOLDER_OPTION = ""
    """Name of the option for the folder of images, if the data set has one."""
    image_level = False
    """Whether a label is a class of the whole image rather than a mask file."""
    HAS_FILES = True
    """Whether every image is a file; otherwise the images were read when the set was built."""
    CHECK_LIMIT: int | None = None
    """Maximum number of images per list that are checked before training."""
    LABEL_OPTION = "with_labels"
    """Name of the option that requires a label for every sample."""
    LINE = "image"
    """Format of a line of a list, for messages."""
    label_rule: LabelRule = None

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str = "",
        metainfo: Mapping | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        more_lists: Sequence[str] = (),
        **kwargs,
    ) -> None:
        root = check_data_root(data_root, type(self))
        self.more_lists = tuple(str(root / path) for path in more_lists)
        self.data_root = str(data_root)
        super().__init__(
            ann_file=ann_file,
            metainfo=self._complete(metainfo),
            data_root=str(data_root),
            pipeline=[TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline],
            test_mode=test_mode,
            **kwargs,
        )

    def _complete(self, metainfo: Mapping | None) -> dict:
        """Merge the given and built-in meta information, and add a palette if there is none."""
        merged = {**self.METAINFO, **(metainfo or {})}
        classes = merged.get("classes")
        if not classes or isinstance(classes, str):
            raise ValueError(
                f"Expected classes of {type(self).__name__} to be names in id order, but got "
                f"{classes!r}. Set metainfo=dict(classes=('background', ...))."
            )
        where = f"classes of {type(self).__name__}"
        merged["classes"] = check_names(classes, where)
        if len(merged.get("palette") or ()) != len(classes):
            merged["palette"] = class_palette(merged["classes"])
        check_palette(merged["palette"], len(classes), where)
        return merged

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in id order."""
        return self._metainfo["classes"]

    def load_entries(self) -> list[Entry]:
        """Read the lists."""
        return [entry for path in (self.ann_file, *self.more_lists) for entry in self._read(path)]

    def _read(self, path: str) -> list[Entry]:
        """Read one list; data sets that also work without a list override this."""
        if not path:
            raise FileNotFoundError(
                f"Expected ann_file of {type(self).__name__} to be a list of '{self.LINE}' lines, "
                f"but got none. Set its path relative to data_root '{self.data_root}'."
            )
        return self.read_samples(path, self.data_root, self.label_rule == BINARY)

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
        return f"list {self.ann_file}"

    @property
    def is_part(self) -> bool:
        """True if only some images were requested (``indices``), for example by ``--tiny``."""
        return self._indices is not None

    def _check_exist(self, paths: Sequence[str], what: str) -> None:
        missing = missing_files(paths)
        if missing:
            raise FileNotFoundError(
                f"{what} {missing[0]} does not exist ({len(missing)} of the {len(paths)} {what}s "
                f"of {self.source} are missing){spelling(missing[0])}. "
                f"{self.missing_cure(missing[0], what)}"
            )

    def missing_cure(self, path: str, what: str) -> str:
        """Suggest a fix for a missing file; data sets with a known pitfall override this."""
        return (
            f"Correct the list, or the data root '{self.data_root}' (data_root, --data-root). "
            "data/README.md shows the layout."
        )

    @classmethod
    def readme(cls) -> str:
        """Name the data page and, if the data set has one, its section."""
        return f"data/README.md, section '{cls.SECTION}'," if cls.SECTION else "data/README.md"

    @classmethod
    def find_index(cls, root: str | Path) -> tuple[Path, ...] | None:
        """Return the index files below a data root, or None if some are missing."""
        for names in cls.INDEX:
            paths = tuple(Path(root, name) for name in names)
            if all(path.is_file() for path in paths):
                return paths
        return None

    @classmethod
    def recognizes(cls, root: str | Path) -> bool:
        """Return whether a folder is laid out as this published data set, by its index files."""
        return cls.find_index(root) is not None

    @classmethod
    def lists_image(cls, name: str) -> bool:
        """Return whether a list with this image is one of this published data set."""
        return bool(cls.IMAGE_FOLDER) and name.startswith(f"{cls.IMAGE_FOLDER}/")

    @classmethod
    def read_samples(
        cls, path: str | Path, data_root: str | Path, binary: bool = False
    ) -> list[Entry]:
        """Read a list with :func:`rankseg.datasets.splits.splits.read_list`.

        Args:
            path: Path of the list.
            data_root: Folder of the data set.
            binary: Whether masks hold 0 and 255; used in the command that the error suggests.

        Raises:
            FileNotFoundError: If the list does not exist. The message names the command that
                creates it.
            ValueError: If the list is empty, a line cannot be parsed, or a name points outside the
                data root.
        """
        if not Path(path).is_file():
            cure = MAKE_DEMO if is_demo(data_root) else cls.list_cure(path, data_root, binary)
            raise FileNotFoundError(f"split list {path} does not exist. {cure}")
        entries = read_list(path)
        check_inside(entries, data_root, f"split list {path}", cls.image_level)
        return entries

    @classmethod
    def list_cure(cls, path: str | Path, data_root: str | Path, binary: bool = False) -> str:
        """Return the command that creates a list; arguments as in :meth:`read_samples`."""
        path, folder = Path(path), Path(data_root, "splits")
        if known := hint(data_root):
            return known
        root = shlex.quote(str(data_root))
        if cls.SPLITS is not None:
            return (
                f"Make it with `python tools/make_splits.py import {cls.SPLITS.folder} --data-root "
                f"{root}`. {cls.readme()} names the source of these lists."
            )
        name = path.parent.name if path.name in (LABELED_FILE, UNLABELED_FILE) else ""
        size = name.replace("_", "/") if re.fullmatch(r"\d+(_\d+)?", name) else "1/16"
        options = f"--size {size}"
        options += f" --name {shlex.quote(name)}" if name else ""
        options += "" if (folder / VAL_FILE).is_file() else " --val 50"
        options += " --binary" if binary else ""
        command = f"Make it with `python tools/make_splits.py draw --data-root {root} {options}`"
        if path == (folder / name / path.name if name else folder / VAL_FILE):
            return f"{command}."
        return f"{command} and set split='{name or '1_16_seed0'}' in the config."

    @classmethod
    def make_standin(cls, cfg: Config) -> Path:
        """Write generated images in the layout of a config to a temporary folder.

        Args:
            cfg: Config with ``train_dataloader`` over a ``SemiDataset``. Its data roots are changed
                in place.

        Returns:
            The data root.

        Raises:
            ValueError: If no images can be generated for the config.
        """
        raise ValueError(
            f"Expected {cls.__name__} to define make_standin. Define it, or give --data-root."
        )

    @classmethod
    def make_tiny(cls, node: dict) -> None:
        """Shrink the config of an evaluation set to a few images for a smoke test, in place."""
        node["indices"] = TINY

    def check_labels(self) -> None:
        """Check the labels of the training images when the set is built; override to add checks."""

    def check_samples(
        self, limit: int | None = None, validator: FileValidator | None = None
    ) -> list[str]:
        """Check the files of labeled images and their labels.

        Args:
            limit: Maximum number of evenly spaced samples to check. ``None`` checks all.
            validator: Settings of the check. By default it is fast and caches nothing.

        Returns:
            Lines for the log.

        Raises:
            OSError, ValueError: On the first file that training could not read.
        """
        return []

    def check_validation(self, unlabeled: "ListDataset", val: "ListDataset", classes: str) -> None:
        """Compare the classes of the training set, this one, with those of the validation set.

        Args:
            unlabeled: Unlabeled part of the training set.
            val: Validation set.
            classes: ``test_classes`` of :class:`~rankseg.datasets.semi.SemiDataset`.

        Raises:
            ValueError: If they do not match.
        """


def dataset_class(name: str | type | None) -> type[ListDataset]:
    """Return a registered data-set class.

    Raises:
        ValueError: If there is no data set of lists with this name.
    """
    kind = name if isinstance(name, type) else DATASETS.get(str(name))
    if kind is None or not issubclass(kind, ListDataset):
        raise ValueError(
            f"Expected the dataset type to be a data set of lists, but got {name!r}. Use one such "
            "as VOCDataset, FolderDataset, ClassFolderDataset or CIFAR10Dataset."
        )
    return kind


def registered() -> list[type[ListDataset]]:
    """Return all registered data sets of lists, including those of ``custom_imports``."""
    DATASETS.import_from_location()
    kinds = DATASETS.module_dict.values()
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, ListDataset)]


def by_short_name() -> dict[str, type[ListDataset]]:
    """Return the registered data sets by the value of ``--dataset``."""
    return {kind.SHORT_NAME: kind for kind in registered() if vars(kind).get("SHORT_NAME")}


def recognize(root: str | Path) -> type[ListDataset] | None:
    """Return the published data set that a folder holds, or None."""
    return next((kind for kind in registered() if kind.recognizes(root)), None)


def recognize_list(entries: Sequence[Entry]) -> type[ListDataset] | None:
    """Return the published data set whose image folder the first image of a list is in, or None."""
    first = entries[0][0] if entries else ""
    return next((kind for kind in registered() if kind.lists_image(first)), None)


def hint(root: str | Path) -> str:
    """Suggest a command if a folder holds a published data set; empty otherwise."""
    kind = recognize(root)
    if kind is None:
        return ""
    return (
        f"{root} has the layout of {kind.TITLE}. Use type='{kind.__name__}' in a config "
        f"(configs/_base_/datasets), or --dataset {kind.SHORT_NAME} on the command line."
    )
