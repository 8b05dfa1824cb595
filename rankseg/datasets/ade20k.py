# SPDX-License-Identifier: Apache-2.0
"""ADE20K data set with 150 classes, in both codings of its masks."""

from mmengine.logging import print_log
from mmseg.datasets import ADE20KDataset as MMSegADE20K

from rankseg.datasets.checks import evenly_spaced
from rankseg.datasets.segmentation import SegListDataset
from rankseg.datasets.splits.splits import PublishedSplits
from rankseg.errors import FileError, expect
from rankseg.imageio.masks import IGNORE, read_values
from rankseg.registry import DATASETS

SIZES = {"1_64": 316, "1_32": 631, "1_16": 1263, "1_8": 2526}
CLASSES = MMSegADE20K.METAINFO["classes"]

ORIGINAL = {0: IGNORE} | {value: value - 1 for value in range(1, len(CLASSES) + 1)}
CODINGS = {"original": ORIGINAL, "shifted": None}
LOOKED_AT = 32  # masks that are read to recognize their coding


@DATASETS.register_module()
class ADE20KDataset(SegListDataset):
    """ADE20K with 150 classes.

    ``data_root`` is the folder ``ADEChallengeData2016`` with ``images/{training,validation}`` and
    ``annotations/{training,validation}``.

    Args:
        *args: As in :class:`SegListDataset`.
        masks: Coding of the masks. ``"original"``: 0 for other things, which are ignored, and 1 to
            150. ``"shifted"``: 0 to 149, and 255 for other things, as the masks of UniMatch V2.
            ``"auto"`` recognizes it by some masks, and reports it: only original masks have 150,
            and only shifted ones have 255.
        **kwargs: As in :class:`SegListDataset`.

    Raises:
        ValueError: If ``masks`` is unknown, or masks of both codings are mixed.
    """

    METAINFO = {"classes": CLASSES, "palette": MMSegADE20K.METAINFO["palette"]}
    TITLE = SECTION = "ADE20K"
    SHORT_NAME = "ade20k"
    SPLITS = PublishedSplits(20210, SIZES, "UniMatch-V2/splits/ade20k")
    IMAGE_FOLDER = "images/training"
    STANDIN_FILES = (
        "images/{part}/ADE_{part}_{i:08}.jpg",
        "annotations/{part}/ADE_{part}_{i:08}.png",
    )

    def __init__(self, *args, masks: str = "auto", **kwargs) -> None:
        expect(masks in ("auto", *CODINGS), "masks", "'auto', 'original' or 'shifted'", masks)
        self.masks = masks
        super().__init__(*args, **kwargs)

    @classmethod
    def lists_image(cls, name: str) -> bool:
        """See the base class; other sets have a folder of this name, too."""
        return super().lists_image(name) and name.rpartition("/")[2].startswith("ADE_")

    def load_data_list(self) -> list[dict]:
        """See the base class; also recognizes the coding of the masks."""
        samples = super().load_data_list()
        if self.with_masks and self.label_rule is None:
            coding = self.masks
            if coding == "auto":
                some = [samples[i] for i in evenly_spaced(len(samples), LOOKED_AT)]
                coding = recognize_coding([sample["seg_map_path"] for sample in some])
                print_log(f"{self.source}: ADE20K masks in {coding} coding", "current")
            self.label_rule = CODINGS[coding]
        return samples

    def get_data_info(self, idx: int) -> dict:
        """See the base class; with the rule of the recognized coding."""
        return {**super().get_data_info(idx), "label_rule": self.label_rule}


def recognize_coding(paths: list[str]) -> str:
    """Return the coding of ADE20K masks, ``"original"`` or ``"shifted"``.

    Masks with neither 150 nor 255 are original ones, as nearly every shifted mask has some pixels
    of 255.

    Args:
        paths: Mask files.

    Raises:
        FileError: If some masks have 150 and others 255.
    """
    found: dict[str, str] = {}  # coding, and a mask that shows it
    for path in paths:
        values = read_values(path)
        for coding, value in (("original", len(CLASSES)), ("shifted", IGNORE)):
            if (values == value).any():
                found.setdefault(coding, path)
    if len(found) > 1:
        raise FileError(
            f"Expected masks of ADE20K in one coding, but {found['original']} has "
            f"{len(CLASSES)} (0 is other, 1 to 150 are classes), and {found['shifted']} has "
            f"{IGNORE} (0 to 149 are classes). Use the masks of one source, or set "
            "masks='original' or masks='shifted'."
        )
    return next(iter(found), "original")
