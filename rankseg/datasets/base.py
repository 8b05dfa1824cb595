# SPDX-License-Identifier: Apache-2.0
"""Base classes for data sets whose samples are named by a list."""

import os
import re
import shlex
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset

from rankseg.datasets.class_names import check_names, check_palette
from rankseg.datasets.layouts import hint
from rankseg.datasets.splits.splits import (
    LABELED_FILE,
    UNLABELED_FILE,
    VAL_FILE,
    Entry,
    check_inside,
    read_list,
)
from rankseg.imageio.masks import BINARY, LabelRule
from rankseg.registry import DATASETS, TRANSFORMS

MAKE_DEMO = "make the demo set with `make demo`"

SECTIONS = {
    "VOCDataset": "PASCAL VOC 2012",
    "CityscapesDataset": "Cityscapes",
    "FolderDataset": "Images of your own",
    "CIFAR10Dataset": "CIFAR-10 and CIFAR-100",
    "CIFAR100Dataset": "CIFAR-10 and CIFAR-100",
    "SVHNDataset": "SVHN",
    "ClassFolderDataset": "Folders by class",
    "ClassListDataset": "Lists of images and classes",
    "CUBDataset": "Sets for retrieval",
    "CarsDataset": "Sets for retrieval",
    "SOPDataset": "Sets for retrieval",
    "InShopDataset": "Sets for retrieval",
}
"""Section of data/README.md for each data set."""

LISTS = {
    "voc": ("UniMatch/splits/pascal", SECTIONS["VOCDataset"]),
    "cityscapes": ("UniMatch/splits/cityscapes", SECTIONS["CityscapesDataset"]),
}
"""For each family of lists: the folder to import and the section that gives its source."""


def make_palette(number: int) -> list[list[int]]:
    """Build a PASCAL VOC palette of up to 256 well-separated colors, black first.

    >>> make_palette(3)
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    colours = []
    for index in range(number):
        colour = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                colour[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
        colours.append(colour)
    return colours


def readme_of(who: str) -> str:
    """Name the data page and, if the data set has one, its section."""
    return f"data/README.md, section '{SECTIONS[who]}'," if who in SECTIONS else "data/README.md"


def check_data_root(data_root: str | Path | None, who: str) -> Path:
    """Check that the image folder exists; ``who`` is the data set or tool that needs it.

    Raises:
        FileNotFoundError: If the folder does not exist or is not given.
    """
    cure = (
        "give the folder with --data-root (`tools/train.py CONFIG --data-root FOLDER`); "
        f"{readme_of(who)} shows what belongs into it"
    )
    if not data_root:
        raise FileNotFoundError(f"data_root of {who} is not set: {cure}")
    if not Path(data_root).is_dir():
        cure = MAKE_DEMO if is_demo(data_root) else cure
        raise FileNotFoundError(f"data_root '{data_root}' of {who} does not exist: {cure}")
    return Path(data_root)


def is_demo(data_root: str | Path) -> bool:
    """Return whether the folder belongs to the generated demo set, which `make demo` writes."""
    return "/data/demo/" in f"/{Path(data_root).as_posix()}/"


def read_samples(
    path: str | Path,
    data_root: str | Path,
    family: str | None = None,
    binary: bool = False,
    labels: str | None = None,
) -> list[Entry]:
    """Read a list of a data set with :func:`rankseg.datasets.splits.splits.read_list`.

    Args:
        path: Path of the list.
        data_root: Folder of the data set; used in the command that the error suggests.
        family: Key of :data:`rankseg.datasets.splits.splits.PUBLISHED`; used in the same command.
        binary: Whether masks hold 0 and 255; used in the same command.
        labels: Value of ``--dataset`` in the same command, for data sets with image-level classes.

    Raises:
        FileNotFoundError: If the list does not exist. The message names the command that creates
            it.
        ValueError: If the list is empty, a line cannot be parsed, or a name points outside the data
            root.
    """
    if not Path(path).is_file():
        cure = list_cure(Path(path), Path(data_root), family, binary, labels)
        raise FileNotFoundError(f"split list {path} does not exist: {cure}")
    entries = read_list(path)
    check_inside(entries, data_root, f"split list {path}", labels is not None)
    return entries


def list_cure(
    path: Path, data_root: Path, family: str | None, binary: bool, labels: str | None = None
) -> str:
    """Return the command that creates a list; arguments as in :func:`read_samples`."""
    root = shlex.quote(str(data_root))
    if is_demo(data_root):
        return MAKE_DEMO
    if labels:
        return labels_cure(path, root, labels)
    if known := hint(data_root):
        return known
    if family in LISTS:
        source, section = LISTS[family]
        return (
            f"make it with `python tools/make_splits.py import {source} --data-root {root}` "
            f"(data/README.md, section '{section}', says where these lists come from)"
        )
    folder = data_root / "splits"
    name = path.parent.name if path.name in (LABELED_FILE, UNLABELED_FILE) else ""
    size = name.replace("_", "/") if re.fullmatch(r"\d+(_\d+)?", name) else "1/16"
    options = f"--size {size}"
    options += f" --name {shlex.quote(name)}" if name else ""
    options += "" if (folder / VAL_FILE).is_file() else " --val 50"
    options += " --binary" if binary else ""
    command = f"make it with `python tools/make_splits.py draw --data-root {root} {options}`"
    if path == (folder / name / path.name if name else folder / VAL_FILE):
        return command
    return f"{command} and name the new lists by split='{name or '1_16_seed0'}' in the config"


def labels_cure(path: Path, root: str, labels: str) -> str:
    """Return the command that creates a list with classes; arguments as in :func:`read_samples`."""
    name = path.parent.name
    known = re.fullmatch(r"(\d+)(?:_seed(\d+))?", name)
    size, seed = known.groups() if known else (None, None)
    options = f"--size {size or 'N'} --seed {seed or 0} --val-share 0"
    options += "" if seed else f" --name {shlex.quote(name)}"
    options += " --list LIST" if labels == "list" else ""
    command = f"python tools/make_splits.py labels --data-root {root} --dataset {labels} {options}"
    return f"make it with `{command}` (without --val-share a fifth of them is kept for validation)"


def missing_files(paths: Sequence[str]) -> list[str]:
    """Return the paths that do not exist, listing each folder only once.

    Raises:
        PermissionError: If a folder is not readable.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folders[os.path.dirname(path)].append(path)
    missing = []
    for folder, members in folders.items():
        try:
            with os.scandir(folder or ".") as listing:
                present = {entry.name for entry in listing}
        except (FileNotFoundError, NotADirectoryError):
            present = set()
        except PermissionError:
            raise PermissionError(
                f"folder {folder} may not be read by this user: change its permissions (chmod +rx)"
            ) from None
        missing += [path for path in members if os.path.basename(path) not in present]
    return missing


def spelling(path: str) -> str:
    """Return a hint if the folder has a file whose name differs only in case or Unicode form.

    macOS and Windows treat such names as equal; Linux does not.
    """

    def plain(name: str) -> str:
        return unicodedata.normalize("NFC", name).casefold()

    folder, wanted = os.path.split(path)
    try:
        alike = [name for name in os.listdir(folder or ".") if plain(name) == plain(wanted)]
    except OSError:
        return ""
    return f"; there is {alike[0]!r}, spelled differently" if alike else ""


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
    image_level = False
    """Whether labels are one class per image, as in :class:`ImageLevelDataset`, not masks."""
    FAMILY: str | None = None
    """Key of :data:`rankseg.datasets.splits.splits.PUBLISHED`, if splits are published."""
    FINE_LISTS: tuple[str, ...] = ()
    """Lists of finely annotated images below the data root; the first that exists is used."""
    LABELS: str | None = None
    """Value of ``make_splits.py labels --dataset`` for data sets with image-level classes."""
    LABEL_OPTION = "with_labels"
    """Name of the option that requires a label for every sample."""
    LINE = "image"
    """Format of a line of a list, for messages."""

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
        root = check_data_root(data_root, type(self).__name__)
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
                f"classes of {type(self).__name__} are {classes!r}: expected the names in id "
                "order, metainfo=dict(classes=('background', ...))"
            )
        where = f"classes of {type(self).__name__}"
        merged["classes"] = check_names(classes, where)
        if len(merged.get("palette") or ()) != len(classes):
            merged["palette"] = make_palette(len(classes))
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
                f"ann_file of {type(self).__name__} is not set: expected a list of '{self.LINE}' "
                f"lines, relative to data_root '{self.data_root}'"
            )
        binary = getattr(self, "label_rule", None) == BINARY
        return read_samples(path, self.data_root, self.FAMILY, binary, self.LABELS)

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
                f"of {self.source} are missing{spelling(missing[0])}): "
                f"{self.missing_cure(missing[0], what)}"
            )

    def missing_cure(self, path: str, what: str) -> str:
        """Suggest a fix for a missing file; data sets with a known pitfall override this."""
        return (
            f"correct the list, or the data root '{self.data_root}' (data_root, --data-root); "
            "data/README.md shows the layout"
        )


@DATASETS.register_module()
class SegListDataset(ListDataset):
    """Data set of images and masks named by a list, one ``image mask`` pair per line.

    Args:
        *args: As in :class:`ListDataset`.
        label_rule: Rule that maps mask values to classes, see
            :func:`rankseg.imageio.masks.read_mask`.
        with_masks: Require every line to name an existing mask. If ``False``, masks are optional
            and never opened, even if the list names them.
        **kwargs: As in :class:`ListDataset`.

    Raises:
        FileNotFoundError: If the data root, the list, an image or a mask is missing.
        ValueError: If the list is empty, a mask is not named, or the classes are unknown.
    """

    LABEL_OPTION = "with_masks"
    LINE = "image mask"

    def __init__(
        self, *args, label_rule: LabelRule = None, with_masks: bool = True, **kwargs
    ) -> None:
        self.label_rule = label_rule
        self.with_masks = with_masks
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Turn the list into samples and check that every file it names exists."""
        entries = self.load_entries()
        if self.with_masks:
            self._check_named(entries)
        else:
            entries = [(image, None) for image, _ in entries]
        samples = [
            {
                "img_path": os.path.join(self.data_root, image),
                "seg_map_path": mask and os.path.join(self.data_root, mask),
                "label_rule": self.label_rule,
            }
            for image, mask in entries
        ]
        self._check_exist([sample["img_path"] for sample in samples], "image")
        self._check_exist([s["seg_map_path"] for s in samples if s["seg_map_path"]], "mask")
        return samples

    def get_data_info(self, idx: int) -> dict:
        """Return paths and label rule of a sample, and the class names used to check its mask."""
        return {**super().get_data_info(idx), "classes": self.classes}

    def _check_named(self, entries: Sequence[Entry]) -> None:
        bare = [image for image, mask in entries if mask is None]
        if bare:
            raise ValueError(
                f"{self.source}: image {bare[0]} has no mask ({len(bare)} of {len(entries)} have "
                "none): expected an 'image mask' line for every image; images without masks "
                "belong into the unlabelled list"
            )
