# SPDX-License-Identifier: Apache-2.0
"""Semi-supervised data set of a labeled and an unlabeled list."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from mmengine.dataset import Compose
from torch.utils.data import Dataset

from rankseg.datasets.base import ListDataset, check_data_root, dataset_class
from rankseg.datasets.splits.splits import (
    LABELED_FILE,
    UNLABELED_FILE,
    VAL_FILE,
    check_split,
    fine_share,
    read_list,
)
from rankseg.registry import DATASETS, TRANSFORMS
from rankseg.structures import SampleKey

AUTO = "auto"
PARTS = ("labeled", "unlabeled")
TEST_CLASSES = ("same", "new", "any")


@DATASETS.register_module()
class SemiDataset(Dataset):
    """Labeled images followed by unlabeled images, each part with its own pipeline.

    The mask of an unlabeled image is never opened, even if its line names one. If the class of an
    unlabeled image is known, the sample contains it, for metrics only. The lists are checked before
    any image is loaded: published sizes, images listed twice, images in both lists, and validation
    images among them. With image-level classes, every class must have a labeled image.

    Args:
        dataset: Config of a list data set, such as :class:`SegListDataset` or
            :class:`~rankseg.datasets.image_level.ImageLevelDataset`, without list and pipeline.
        split: Name of a split: the lists are ``DATA_ROOT/splits/NAME/{labeled,unlabeled}.txt``.
        labeled: List of labeled images if ``split`` is not given, relative to the data root.
        unlabeled: List of unlabeled images if ``split`` is not given, relative to the data root.
        empty: Part without images, ``"labeled"`` or ``"unlabeled"``; its list must not be given.
            Use it to train without labels, or without unlabeled images. The list of the other part
            may then be ``''``, which means every image of the data set.
        val: Validation list for the leakage check. ``'auto'`` is the ``val.txt`` of the split if it
            has one, else ``DATA_ROOT/splits/val.txt``, which may be missing with image-level
            classes. ``None`` disables the check, here and in ``check_data``.
        split_root: Folder of splits that replaces ``DATA_ROOT/splits``.
        labeled_pipeline: Transforms of labeled images.
        unlabeled_pipeline: Transforms of unlabeled images.
        include_labeled: Also train on the labeled images without their labels; they follow the
            unlabeled images (FixMatch, SimMatch).
        seed: Part of the random seed of every sample.
        check_counts: Compare the sizes with the published ones of a split of this name.
        test_classes: Classes that ``check_data`` expects in a validation set with image-level
            classes: ``"same"`` as in training; ``"new"``, classes without any training image,
            labeled or unlabeled (metric learning); or ``"any"``.

    Raises:
        FileNotFoundError: If the data root, a list, an image or a labeled mask is missing.
        ValueError: If a check of the lists fails, the lists are given twice or not at all, or an
            image-level class has no labeled image.
    """

    def __init__(
        self,
        dataset: Mapping,
        split: str | int | None = None,
        labeled: str | None = None,
        unlabeled: str | None = None,
        val: str | None = AUTO,
        split_root: str | None = None,
        empty: str | None = None,
        labeled_pipeline: Sequence[dict | Callable] = (),
        unlabeled_pipeline: Sequence[dict | Callable] = (),
        include_labeled: bool = False,
        seed: int = 0,
        check_counts: bool = True,
        test_classes: str = "same",
    ) -> None:
        if test_classes not in TEST_CLASSES:
            raise ValueError(
                f"Expected test_classes of SemiDataset to be one of {TEST_CLASSES}, but got "
                f"{test_classes!r}."
            )
        self.test_classes = test_classes
        kind = dataset_class(dataset.get("type"))
        root = check_data_root(dataset.get("data_root"), kind)
        lists = {"labeled": labeled, "unlabeled": unlabeled}
        self._check_named(split, lists, empty)
        folder = Path(split_root).absolute() if split_root else Path("splits")
        if split is not None:
            labeled = str(folder / str(split) / LABELED_FILE)
            unlabeled = str(folder / str(split) / UNLABELED_FILE)
        self.seed = seed
        self.check_val = val is not None
        self.split = str(split or Path(labeled or unlabeled or "all").stem)
        if val == AUTO:
            own, common = folder / self.split / VAL_FILE, folder / VAL_FILE
            val = str(own if split is not None and (root / own).is_file() else common)
            if kind.image_level and not (root / val).is_file():
                val = None
        if empty is None:
            self._check_lists(root, dataset, kind, (labeled, unlabeled, val), check_counts)
        self.include_labeled = include_labeled = include_labeled and empty is None
        with_label, more = kind.LABEL_OPTION, [labeled] if include_labeled else []
        if empty != "labeled":
            self.labeled: ListDataset = DATASETS.build(
                dict(dataset, ann_file=labeled, pipeline=labeled_pipeline) | {with_label: True}
            )
        if empty != "unlabeled":
            self.unlabeled: ListDataset = DATASETS.build(
                dict(dataset, ann_file=unlabeled, more_lists=more, pipeline=unlabeled_pipeline)
                | {with_label: False}
            )
        if empty is not None:  # reuse classes and data root of the other part, without images
            none = getattr(self, PARTS[empty == "labeled"]).get_subset(0)
            pipeline = labeled_pipeline if empty == "labeled" else unlabeled_pipeline
            steps = [TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline]
            none.pipeline = Compose(steps)  # used for images whose key has a label
            setattr(self, empty, none)
        if empty != "labeled":
            self.labeled.check_labels()

    @staticmethod
    def _check_named(
        split: str | int | None, lists: dict[str, str | None], empty: str | None
    ) -> None:
        """Check that the images of every part come from exactly one list."""
        if empty not in (None, *PARTS):
            raise ValueError(
                f"Expected empty of SemiDataset to be one of {PARTS} or None, but got {empty!r}."
            )
        wanted = [] if split is not None else [name for name in PARTS if name != empty]
        named = [name for name in PARTS if lists[name] is not None]
        if named != wanted or (split is not None and empty) or (not empty and "" in lists.values()):
            raise ValueError(
                f"Expected SemiDataset to get its images from one source, but got split={split!r}, "
                f"labeled={lists['labeled']!r}, unlabeled={lists['unlabeled']!r}, empty={empty!r}. "
                "Set split='NAME', or both labeled='LIST' and unlabeled='LIST', or one list and "
                "empty='labeled' or 'unlabeled' for the other."
            )

    def _check_lists(
        self,
        root: Path,
        dataset: Mapping,
        kind: type[ListDataset],
        lists: tuple[str, str, str | None],
        check_counts: bool,
    ) -> None:
        read = partial(kind.read_samples, data_root=root, binary=bool(dataset.get("binary")))
        labeled, unlabeled, val = lists
        check_split(
            self.split,
            read(root / labeled),
            read(root / unlabeled),
            None if val is None else read(root / val),
            kind.SPLITS if check_counts else None,
            str(root / (val or "")),
        )

    @property
    def num_labeled(self) -> int:
        """Number of labeled images; their indices come first."""
        return len(self.labeled)

    @property
    def num_unlabeled(self) -> int:
        """Number of unlabeled images."""
        return len(self.unlabeled)

    @property
    def metainfo(self) -> dict:
        """Classes and palette."""
        return self.labeled.metainfo

    def full_init(self) -> None:
        """Load the lists if ``lazy_init`` postponed it."""
        self.labeled.full_init()
        self.unlabeled.full_init()

    def describe(self) -> str:
        """Describe the split in a line: sizes and, if known, the share of fine masks."""
        text = (
            f"split '{self.split}': {self.num_labeled} labeled and {self.num_unlabeled} "
            "unlabeled images"
        )
        if self.include_labeled:
            text += ", which include the labeled ones"
        root = Path(self.labeled.data_root)
        known = [root / name for name in self.labeled.FINE_LISTS if (root / name).is_file()]
        if known and self.num_labeled:
            share = fine_share(self.labeled.load_entries(), read_list(known[0]))
            text += f", {100 * share:.0f}% of the labeled images finely annotated"
        return text

    def __len__(self) -> int:
        return self.num_labeled + self.num_unlabeled

    def __getitem__(self, key: SampleKey | int) -> dict:
        """Load the sample at ``key.index`` with the augmentation of pass ``key.draw``.

        If the key of an unlabeled image has a label, the image is loaded as a labeled one of that
        class. Its ``sample_idx`` is then its index in this data set, which differs from every
        labeled index.
        """
        key = SampleKey(*key) if isinstance(key, tuple) else SampleKey(key)
        index, draw = int(key.index), int(key.draw)
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        is_labeled = index < self.num_labeled
        half = self.labeled if is_labeled else self.unlabeled
        results = half.get_data_info(index if is_labeled else index - self.num_labeled)
        results["seed"] = (self.seed, draw, index)
        if key.label is not None:
            results.update(gt_label=int(key.label), sample_idx=index)
            half = self.labeled
        return half.pipeline(results)
