# SPDX-License-Identifier: Apache-2.0
"""From TIFF stacks to a folder that data sets read, or to a sentence and nothing left behind."""

import json

import cv2
import numpy as np
import pytest
import tifffile

from rankseg.datasets.class_names import STACK_NOTES
from rankseg.datasets.segmentation import FolderDataset
from rankseg.datasets.semi import SemiDataset
from rankseg.errors import FileError
from rankseg.imageio.intensity import to_8_bits
from rankseg.imageio.masks import read_mask
from rankseg.imageio.reading import read_image
from rankseg.imageio.tiff_axes import Planes
from rankseg.projects import stacks
from rankseg.projects.stacks import convert_stacks
from rankseg.utils.atomic_file import WriteError

RNG = np.random.default_rng(0)
GRAY = RNG.integers(500, 3000, (2, 8, 16, 20), dtype=np.uint16)
TRUTH = np.where(RNG.random((2, 8, 16, 20)) < 0.2, 255, 0).astype(np.uint8)


@pytest.fixture
def files(tmp_path):
    """Two stacks of 8 pages and their masks; arguments of the conversion."""
    pages = {
        "images": (GRAY[0] // 12).astype(np.uint8),
        "masks": TRUTH[0],
        "test_images": (GRAY[1] // 12).astype(np.uint8),
        "test_masks": TRUTH[1],
    }
    for name, page in pages.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", page, photometric="minisblack")
    return {name: tmp_path / f"{name}.tif" for name in pages}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "set"


def test_raises_on_class_names_of_two_lines(files, out):
    with pytest.raises(ValueError, match="--classes: expected a class name to be one line"):
        convert_stacks(out, **files, classes=("rest", "cell\nnucleus"))
    assert not out.exists()


def test_data_sets_read_the_folder(files, out):
    notes = convert_stacks(out, **files, labeled=[2, 3], seed=4)
    semi = SemiDataset(dict(type="FolderDataset", data_root=str(out)), split="even_3_seed4", seed=0)
    assert (semi.num_labeled, semi.num_unlabeled) == (3, 5)
    val = FolderDataset(data_root=str(out), ann_file="splits/val.txt")
    assert len(val) == 8 and val.metainfo["classes"] == stacks.CLASSES
    for part, dataset in ((0, semi.labeled), (1, val)):
        for i in range(len(dataset)):
            sample = dataset.get_data_info(i)
            page = int(sample["img_path"][-7:-4]) - 1
            assert np.array_equal(read_image(sample["img_path"])[..., 1], GRAY[part, page] // 12)
            mask = read_mask(sample["seg_map_path"], sample["label_rule"])
            assert np.array_equal(mask, TRUTH[part, page] > 0)
    assert notes == json.loads((out / STACK_NOTES).read_text())
    assert [one["pages"] for one in notes["stacks"]] == [8, 8] and notes["value_range"] is None
    assert notes["stacks"][1]["foreground"] == pytest.approx(100 * (TRUTH[1] > 0).mean(), abs=0.01)
    names = {"images", "masks", "splits", "classes.txt", STACK_NOTES}
    assert {path.name for path in out.iterdir()} == names


def test_sixteen_bits_are_scaled_by_the_training_stack(files, out):
    bright = GRAY.copy()
    bright[0, 3] *= 8  # one page is brighter than the others
    for name, page in (("images", bright[0]), ("test_images", bright[1])):
        tifffile.imwrite(files[name], page, photometric="minisblack")
    low, high = convert_stacks(out, **files, labeled=[2])["value_range"]
    assert (low, high) == pytest.approx(np.percentile(bright[0], (0.1, 99.9)), abs=60)
    for part, page in (("train", 2), ("train", 3), ("test", 5)):
        got = read_image(out / f"images/{part}/{page + 1:03}.png")[..., 0]
        pixels = bright[0 if part == "train" else 1, page]
        wanted = np.clip((pixels - float(low)) / (high - low), 0, 1) * 255
        assert np.abs(got - wanted).max() <= 0.51


@pytest.mark.parametrize("shrink", [2.0, 2.5])
def test_shrunk_pages(files, out, shrink):
    bits = np.random.default_rng(3).integers(0, 65536, (8, 80, 100), dtype=np.uint16)
    truth = np.zeros((8, 80, 100), np.uint8)
    truth[:, 10:40, 20:50] = 7  # covers whole pixels of both factors
    truth[:, 60:62, 60] = truth[:, 70, 70] = 7  # are less than half of one
    for name in ("images", "test_images"):
        tifffile.imwrite(files[name], bits, photometric="minisblack")
    for name in ("masks", "test_masks"):
        tifffile.imwrite(files[name], truth, photometric="minisblack")
    notes = convert_stacks(out, **files, labeled=[2], shrink=shrink)
    assert notes["shrink"] == shrink
    assert notes["object_width"] == pytest.approx(2 * (900 / np.pi) ** 0.5 / shrink, abs=0.06)
    scaled = to_8_bits(bits[6], notes["value_range"])
    for part in ("train", "test"):
        image = read_image(out / f"images/{part}/007.png")
        assert image.shape == (80 / shrink, 100 / shrink, 3)
        mask = read_mask(out / f"masks/{part}/007.png")
        wanted = np.zeros(mask.shape, bool)
        first = [int(n / shrink) for n in (10, 40, 20, 50)]
        wanted[first[0] : first[1], first[2] : first[3]] = True
        assert np.array_equal(mask, wanted)
        if shrink == 2:
            areas = scaled.astype(float).reshape(40, 2, 50, 2).mean((1, 3))
            assert np.abs(image[..., 0] - areas).max() <= 0.5


@pytest.mark.parametrize("shrink", [0.5, 3.0, float("nan")])
def test_raises_on_invalid_shrink(files, out, shrink):
    with pytest.raises(ValueError, match=r"--shrink to be 1 or more, .* which is 20x16, but got"):
        convert_stacks(out, **files, shrink=shrink)
    assert not out.exists()


def test_colors_and_own_slices(files, out):
    colors = RNG.integers(0, 256, (8, 16, 20, 3), dtype=np.uint8)
    tifffile.imwrite(files["images"], colors, photometric="rgb")
    tifffile.imwrite(files["masks"], TRUTH[0, :4], photometric="minisblack")
    convert_stacks(
        out, files["images"], files["masks"], slices=(1, 3, 5, 8), classes=("rest", "cell")
    )
    assert np.array_equal(read_image(out / "images/train/005.png"), colors[4])
    masks = sorted(path.name for path in out.glob("masks/train/*.png"))
    assert masks == ["001.png", "003.png", "005.png", "008.png"]
    assert np.array_equal(read_mask(out / "masks/train/005.png"), TRUTH[0, 2] > 0)
    assert (out / "splits/even_3_seed0/unlabeled.txt").read_text().count("\n") == 4
    assert (out / "classes.txt").read_text() == "rest\ncell\n"


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_raises_on_folders_in_use(files, out):
    out.mkdir()
    (out / "mine.txt").write_text("x")
    for overwrite, reason in ((False, "to be empty"), (True, f"and no {STACK_NOTES}")):
        with pytest.raises(ValueError, match=reason):
            convert_stacks(out, **files, labeled=[2], overwrite=overwrite)
    assert list(tree(out)) == [out / "mine.txt"]
    (out / "mine.txt").unlink()
    convert_stacks(out, **files, labeled=[2])
    before = tree(out)
    with pytest.raises(ValueError, match="replace an earlier conversion with --overwrite"):
        convert_stacks(out, **files, labeled=[3])
    assert tree(out) == before
    convert_stacks(out, **files, labeled=[3], overwrite=True)
    assert [path.name for path in (out / "splits").iterdir() if path.is_dir()] == ["even_3_seed0"]


@pytest.mark.parametrize("when", ["write_pages", "write_lists", "os.replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_failed_conversion_leaves_nothing(files, out, monkeypatch, when, error):
    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"rankseg.projects.stacks.{when}", fail)
        with pytest.raises(WriteError if isinstance(error, OSError) else error):
            convert_stacks(out, **files, labeled=[2])
    assert not out.exists()
    convert_stacks(out, **files, labeled=[2])


def test_killed_conversion_is_repeated(files, out):
    (out / ".partial/images").mkdir(parents=True)
    convert_stacks(out, **files, labeled=[2])
    assert (out / "splits/val.txt").is_file() and not (out / ".partial").exists()


def test_raises_before_anything_is_written(files, out):
    with pytest.raises(FileNotFoundError, match=r"train stack .*absent.tif, but it does not exist"):
        convert_stacks(out, out / "absent.tif", files["masks"])
    with pytest.raises(ValueError, match="both --test-images and --test-masks"):
        convert_stacks(out, files["images"], files["masks"], test_masks=files["test_masks"])
    tifffile.imwrite(files["test_images"], GRAY[1], photometric="minisblack")
    with pytest.raises(
        FileError, match="one type of images, but .* is uint16, gray, and .* is uint8, gray"
    ):
        convert_stacks(out, **files)
    assert not out.exists()


def test_raises_on_a_split_without_foreground(files, out):
    empty = TRUTH[0].copy()
    empty[1:] = 0
    tifffile.imwrite(files["masks"], empty, photometric="minisblack")
    with pytest.raises(
        FileError, match="foreground in a labeled slice of split even_2_seed0, but got none"
    ):
        convert_stacks(out, **files, labeled=[2], empty_masks="background")
    with pytest.raises(
        ValueError, match=r"--labeled to be from 1 to 1, but got 2.*7 empty masks do not"
    ):
        convert_stacks(out, **files, labeled=[2])
    assert not out.exists()


def test_five_of_twenty_slices_are_outlined(tmp_path, out):
    """The others have empty masks: no labels, unless the user says so."""
    images = RNG.integers(0, 256, (20, 2, 32, 40), dtype=np.uint8)
    masks = np.zeros((20, 32, 40), np.uint8)
    masks[[2, 6, 10, 14, 18], 10:20, 5:25] = 255
    kind = {"imagej": True, "photometric": "minisblack"}
    paths = [tmp_path / "images.tif", tmp_path / "masks.tif"]
    tifffile.imwrite(paths[0], images, metadata={"axes": "ZCYX"}, **kind)
    tifffile.imwrite(paths[1], masks, metadata={"axes": "ZYX"}, **kind)
    with pytest.raises(FileError, match=r"20 slices x 2 channels .*--channel N"):
        convert_stacks(out, *paths)
    planes = Planes(channel=2)
    notes = convert_stacks(out, *paths, planes=planes)
    (stack,) = notes["stacks"]
    outlined = [3, 7, 11, 15, 19]
    assert stack["without_foreground"] == [n for n in range(1, 21) if n not in outlined]
    assert (stack["pages"], stack["with_mask"], stack["chosen"]) == (20, 5, ["channel 2 of 2"])
    assert notes["channel"] == 2 and stack["foreground"] == pytest.approx(
        100 * 200 / 1280, abs=0.01
    )
    drawn = notes["labeled"]["even_4_seed0"] + notes["validation"]
    assert sorted(int(image[-7:-4]) for image in drawn) == outlined
    assert [int(path.stem) for path in sorted(out.glob("masks/train/*.png"))] == outlined
    assert len(list(out.glob("images/train/*.png"))) == 20
    assert np.array_equal(read_image(out / "images/train/006.png")[..., 0], images[5, 1])
    declared = convert_stacks(out, *paths, planes=planes, slices=(3, 4, 7), overwrite=True)
    assert declared["stacks"][0]["without_foreground"] == [4]
    assert len(list(out.glob("masks/train/*.png"))) == 3
    options = {"planes": planes, "labeled": [15], "empty_masks": "background"}
    every = convert_stacks(out, *paths, **options, overwrite=True)
    assert every["stacks"][0]["with_mask"] == 20


def test_red_outlines_on_the_picture(files, out):
    pages = np.repeat(RNG.integers(0, 256, (8, 64, 80, 1), dtype=np.uint8), 3, -1)
    tifffile.imwrite(files["images"], pages[..., 0], photometric="minisblack")
    for page in (1, 3, 6):
        cv2.rectangle(pages[page], (20, 16), (51, 39), (255, 0, 0), 2)
    tifffile.imwrite(files["masks"], pages, photometric="rgb")
    with pytest.raises(FileError, match=r"got colors: red '#ff0000'.*--color '#ff0000'"):
        convert_stacks(out, files["images"], files["masks"])
    with pytest.raises(ValueError, match="either --above, .* or --color, .* but got both"):
        convert_stacks(out, files["images"], files["masks"], color=(255, 0, 0), above=127)
    notes = convert_stacks(out, files["images"], files["masks"], color=(255, 0, 0))
    (stack,) = notes["stacks"]
    assert (stack["with_mask"], stack["outlines"]) == (3, [3, 0, 0])
    mask = read_mask(out / "masks/train/004.png")
    assert mask[16:40, 20:52].all() and mask[15:41, 19:53].sum() == mask.sum()


def test_masks_are_gray_png_files(files, out):
    convert_stacks(out, **files, labeled=[2])
    mask = cv2.imread(str(out / "masks/test/001.png"), cv2.IMREAD_UNCHANGED)
    assert mask.ndim == 2 and set(np.unique(mask)) == {0, 1}
