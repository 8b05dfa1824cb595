# SPDX-License-Identifier: Apache-2.0
import io
import re
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import (
    CIFAR10Dataset,
    ClassFolderDataset,
    FolderDataset,
    SemiDataset,
    check_data,
    check_headers,
    check_images,
    check_masks,
)
from rankseg.datasets.checks import evenly_spaced
from rankseg.imageio.reading import read_image_info

RNG = np.random.default_rng(1)
NOISE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def train_of(root, val: str | None = "auto", **options) -> SemiDataset:
    dataset = {"type": "FolderDataset", "data_root": str(root), **options}
    return SemiDataset(dataset, split="few", val=val)


def use_jpeg(root, number: int, data: bytes) -> None:
    """Put a JPEG in the place of an image of the unlabeled list."""
    (root / f"images/{number}.png").unlink()
    (root / f"images/{number}.jpg").write_bytes(data)
    path = root / "splits/few/unlabeled.txt"
    path.write_text(path.read_text().replace(f"images/{number}.png", f"images/{number}.jpg"))


def jpeg(**options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", **options)
    return file.getvalue()


def test_a_good_set_is_described(make_set):
    root = make_set()
    val = FolderDataset(data_root=root, ann_file="splits/val.txt")
    notes = check_data(train_of(root), val)
    assert notes[0] == "split 'few': 2 labeled and 4 unlabeled images"
    assert notes[1].startswith("checked all 2 images and masks of list ")
    assert "labeled.txt: no pixel of car in the checked masks" in notes[2]
    assert notes[3].startswith("checked all 4 image headers of list ")
    assert "val.txt" in notes[4]


def test_large_sets_are_checked_at_evenly_spaced_images(make_set):
    dataset = FolderDataset(data_root=make_set())
    assert check_masks(dataset, limit=3)[0].startswith("checked 3 evenly spaced of 8 images and ma")
    assert evenly_spaced(10, 4) == [0, 3, 6, 9] and evenly_spaced(3, 5) == [0, 1, 2]
    Image.new("L", (10, 8), 77).save(dataset[1]["seg_map_path"])
    check_masks(dataset, limit=2)  # the first and the last
    with pytest.raises(ValueError, match=r"masks/1\.png .* got \[77\]"):
        check_masks(dataset)


def test_value_that_is_no_class(make_set):
    root = make_set(foreground=3)
    match = (
        r"masks/0\.png to hold the 3 classes 0 to 2 \(sky, road, car\) and 255 for ignore, but got "
        r"\[3\], which is no class. Correct the mask, add the class, or map the value"
    )
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root))
    check_data(train_of(root, label_rule={3: 2}))


LOAD = "LoadSample"


def deep_set(root, half: str) -> None:
    """Write the images of one half with 16 bits."""
    for line in (root / f"splits/few/{half}.txt").read_text().split():
        if line.startswith("images"):
            values = RNG.integers(10, 3000, (8, 10, 3), np.uint16)
            cv2.imwrite(str(root / line), values)


def loaded(root, load: dict, **options) -> SemiDataset:
    """A training set that is read as a config says."""
    pipelines = {"labeled_pipeline": [load], "unlabeled_pipeline": [{**load, **options}]}
    return SemiDataset({"type": "FolderDataset", "data_root": str(root)}, split="few", **pipelines)


@pytest.mark.parametrize("half", ["labeled", "unlabeled"])
def test_deep_images_need_a_range(make_set, half):
    root = make_set()
    deep_set(root, half)
    with pytest.raises(ValueError, match=r"as \d images have more than 8 bits \(") as error:
        check_data(loaded(root, {"type": LOAD}))
    low, high = map(int, re.search(r"Set value_range=\((\d+), (\d+)\)", str(error.value)).groups())
    assert 10 <= low < 60 and 2900 < high < 3000 and "or (0, 65535) for" in str(error.value)
    check_data(loaded(root, {"type": LOAD, "value_range": (low, high)}))


@pytest.mark.parametrize("options", [{"value_range": (1, 9)}, {"channels": (3, 2, 1)}])
def test_all_pipelines_read_in_one_way(make_set, options):
    with pytest.raises(ValueError, match=f"Expected {next(iter(options))} to be the same in all"):
        check_data(loaded(make_set(), {"type": LOAD}, **options))


def test_bands_that_are_not_used_are_named(make_set):
    root = make_set()
    for i in range(8):
        Image.fromarray(RNG.integers(0, 256, (8, 10, 4), np.uint8)).save(root / f"images/{i}.png")
    notes = check_data(loaded(root, {"type": LOAD}))
    assert sum("images have an alpha channel (transparency), band 4" in note for note in notes) == 2
    notes = check_data(loaded(root, {"type": LOAD, "channels": (4, 1, 2)}))
    assert sum("4 bands: 4, 1, 2 are used, 3 is not" in note for note in notes) == 2
    Image.fromarray(NOISE[:8, :10]).save(root / "images/0.png")
    with pytest.raises(ValueError, match=r"to have band 4, as channels=\(4, 1, 2\) says, .* got 3"):
        check_data(loaded(root, {"type": LOAD, "channels": (4, 1, 2)}))


def test_ignored_pixels_are_fine(make_set):
    root = make_set()
    mask = np.array(Image.open(root / "masks/1.png"))
    mask[0] = 255
    Image.fromarray(mask).save(root / "masks/1.png")
    check_data(train_of(root))


@pytest.mark.parametrize("classes", [("no", "yes"), ("sky", "road", "car")])
def test_masks_of_0_and_255_are_explained(make_set, classes):
    root = make_set(foreground=255)
    match = r"labeled\.txt: .*all masks hold only 0 and 255, .*with binary=True"
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root, classes=classes))
    check_data(train_of(root, classes=("no", "yes"), binary=True))


def test_two_class_masks_of_another_value_are_explained(make_set):
    root = make_set(foreground=128)
    with pytest.raises(
        ValueError, match=r"got \[128\].*For masks of 0 and one other value, use Fold"
    ):
        check_data(train_of(root, classes=("no", "yes")))
    with pytest.raises(ValueError, match=r"binary=True, but got the values \[0, 128\]"):
        check_data(train_of(root, classes=("no", "yes"), binary=True))


def test_image_and_mask_of_different_size(make_set):
    root = make_set()
    Image.new("L", (8, 10)).save(root / "masks/1.png")
    match = r"mask .*1\.png .* image .*1\.png, 10x8 pixels \(width x height\), but got 8x10"
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root))


@pytest.mark.parametrize("number", [1, 3])
def test_image_that_is_none(make_set, number):
    root = make_set()
    (root / f"images/{number}.png").write_text("not an image")
    with pytest.raises(
        ValueError, match=rf"image .*images/{number}\.png .*cannot be decoded .* Save it"
    ):
        check_data(train_of(root))


@pytest.mark.parametrize("number", [1, 3])
def test_png_that_is_cut_off(make_set, number):
    root = make_set()
    path = root / f"images/{number}.png"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(
        ValueError, match=rf"images/{number}\.png .*cannot be decoded \(.*\)\. Save it"
    ):
        check_data(train_of(root))


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_unlabeled_jpeg_that_is_cut_off(make_set, kept):
    root, data = make_set(), jpeg(quality=95)
    use_jpeg(root, 3, data[: int(kept * len(data))])
    match = (
        r"image .*images/3\.jpg .*cannot be decoded \(.*truncated.*\). Save it again as JPEG or PNG"
    )
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root))


def test_end_mark_of_a_thumbnail_is_not_that_of_the_image(tmp_path):
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, "JPEG")
    data = jpeg(
        extra=b"\xff\xe1" + (len(small.getvalue()) + 2).to_bytes(2, "big") + small.getvalue()
    )
    assert data.count(b"\xff\xd9") == 2
    cut = tmp_path / "a.jpg"
    cut.write_bytes(data[:3000])
    assert cut.read_bytes().count(b"\xff\xd9") == 1
    with pytest.raises(ValueError, match=r"a\.jpg .*cannot be decoded"):
        read_image_info(str(cut), decode=False)


@pytest.mark.parametrize("after", [b"", bytes(100), b"\0" * 3000 + b"maker's note", bytes(9000)])
def test_jpeg_with_padding_is_complete(make_set, after):
    root = make_set()
    use_jpeg(root, 3, jpeg() + after)
    assert check_headers(train_of(root).unlabeled)[0].startswith("checked all 4 image headers of")


def test_complete_images_are_not_decoded(make_set, monkeypatch):
    root = make_set()
    use_jpeg(root, 3, jpeg())
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("decoded"))
    check_headers(train_of(root).unlabeled)


def test_every_labeled_mask_is_checked(make_set, monkeypatch, capsys):
    root = make_set(number=705, labeled=700, val=2)
    Image.fromarray(np.full((8, 10), 77, np.uint8)).save(root / "masks/333.png")
    with pytest.raises(ValueError, match=r"masks/333\.png .* got \[77\], which is no class"):
        check_data(train_of(root))
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(root / "masks/333.png")
    monkeypatch.setattr("rankseg.utils.progress.INTERVAL", 0)
    notes = check_masks(train_of(root).labeled)
    assert notes[0].startswith("checked all 700 images and masks of list ")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 699 and lines[-1].startswith("checking images and masks of list ")
    assert lines[-1].endswith("labeled.txt: 699 of 700, 0 s left")


@pytest.mark.parametrize(("number", "what"), [(1, "labeled"), (3, "unlabeled")])
def test_validation_images_of_the_config_are_not_trained_on(make_set, tmp_path, number, what):
    root = make_set()
    (tmp_path / "link").symlink_to(root)
    (root / "other.txt").write_text(f"images/{number}.png masks/{number}.png\n")
    val = FolderDataset(data_root=tmp_path / "link", ann_file="other.txt")
    match = (
        rf"the {what} list of split 'few': image .*set/images/{number}\.png is also in the "
        r"validation list .*/other\.txt, so the validation result would be too good"
    )
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root), val)
    check_data(train_of(root, val=None), val)


def test_bad_validation_mask(make_set):
    root = make_set()
    Image.new("L", (10, 8), 9).save(root / "masks/7.png")
    val = FolderDataset(data_root=root, ann_file="splits/val.txt")
    with pytest.raises(ValueError, match=r"masks/7\.png .* got \[9\]"):
        check_data(train_of(root), val)


def classes_of(root, names=("cat", "dog", "big fish"), **options) -> tuple:
    """Training and validation set: the first image of a class is labeled, the others not."""
    (root / "splits/few").mkdir(parents=True, exist_ok=True)
    for part, numbers in {"labeled": (0,), "unlabeled": (1, 2)}.items():
        lines = "".join(f"train/{name}/{i}.png\t{name}\n" for name in names for i in numbers)
        (root / f"splits/few/{part}.txt").write_text(lines)
    config = {"type": "ClassFolderDataset", "data_root": str(root)}
    pipeline = [{"type": "LoadImage"}, *options.pop("pipeline", []), {"type": "PackEval"}]
    val = ClassFolderDataset(
        data_root=root, **{"folder": "test", "pipeline": pipeline, "test_mode": True, **options}
    )
    return SemiDataset(config, split="few"), val


def test_a_good_set_with_classes_is_described(make_classes):
    root = make_classes({"train": 3, "test": 2}, size=(10, 12))
    notes = check_data(*classes_of(root))
    assert notes[0] == "split 'few': 3 labeled and 6 unlabeled images"
    assert notes[1].startswith("checked all 3 images of list ")
    assert notes[1].endswith("labeled.txt, 12x10 pixels")
    assert notes[2].startswith("checked all 6 image headers of list ")
    assert notes[3] == f"checked all 6 images of folder {root}/test, 12x10 pixels"
    assert len(notes) == 4


def test_classes_without_a_validation_image_are_named(make_classes):
    root = make_classes({"train": 3, "test": 1})
    (root / "test/cat/0.png").unlink()
    assert check_data(*classes_of(root))[-1] == f"folder {root}/test: no image of cat"
    notes = check_data(*classes_of(root, indices=1))
    assert not any("no image of" in note for note in notes), "dog is there and was left out"


def test_classes_that_differ_between_training_and_validation(make_classes):
    root = make_classes({"train": 3, "test": 1})
    (root / "test/cat").rename(root / "test/cats")
    match = (
        r"class 1 is 'cat' in list .*labeled\.txt and 'cats' in folder .*/test \(3 and 3 classes\)"
        r"\. Give the folders the same names, or write all"
    )
    with pytest.raises(ValueError, match=match):
        check_data(*classes_of(root))
    (root / "test/cats").rename(root / "test/cat")
    (root / "test/zebra").mkdir()
    with pytest.raises(ValueError, match=r"class 3 is none in .* and 'zebra' in .*\(3 and 4 class"):
        check_data(*classes_of(root))


def semi_of(root, test_classes, **options):
    config = {"type": "ClassFolderDataset", "data_root": str(root)}
    options = options or {"empty": "labeled", "unlabeled": ""}
    return SemiDataset(config, test_classes=test_classes, **options)


@pytest.mark.parametrize("options", [{}, {"empty": "unlabeled", "labeled": ""}])
def test_classes_to_test_on_may_have_to_be_new(make_classes, options):
    root = make_classes({"train": 2, "test": 2})
    for name in ("cat", "dog"):
        (root / "test" / name).rename(root / "test" / f"new {name}")
    val = ClassFolderDataset(data_root=root, folder="test")
    match = r"Expected classes of folder .*/test that are not used .* Recall@K .* got 'big fish'"
    with pytest.raises(ValueError, match=match):
        check_data(semi_of(root, "new", **options), val)
    check_data(semi_of(root, "any", **options), val)
    (root / "test/big fish").rename(root / "test/small fish")
    val = ClassFolderDataset(data_root=root, folder="test")
    check_data(semi_of(root, "new", **options), val)
    with pytest.raises(ValueError, match=r"class 0 is 'big fish' in .* and 'new cat' in"):
        check_data(semi_of(root, "same", **options), val)


def test_new_classes_count_where_they_have_images(make_classes):
    root = make_classes({"train": 2, "test": 2})
    (root / "classes.txt").write_text("big fish\ncat\ndog\n")  # of both folders
    for folder, names in {"train": ("dog",), "test": ("cat", "big fish")}.items():
        for name in names:
            shutil.rmtree(root / folder / name)
    val = ClassFolderDataset(data_root=root, folder="test")
    train = semi_of(root, "new")
    assert train.labeled.classes == val.classes
    check_data(train, val)
    (root / "train/dog").mkdir()
    shutil.copy(root / "train/cat/0.png", root / "train/dog/0.png")
    with pytest.raises(ValueError, match="classes of folder .* but got 'dog'"):
        check_data(semi_of(root, "new"), val)


def test_raises_on_unknown_test_classes(make_classes):
    with pytest.raises(
        ValueError, match=r"test_classes of SemiDataset to be one of .* but got 'other'"
    ):
        semi_of(make_classes({"train": 1}), "other")


@pytest.mark.parametrize("name", ["train/dog/0.png", "train/dog/2.png", "test/dog/0.png"])
def test_image_with_a_class_that_does_not_decode(make_classes, name):
    root = make_classes({"train": 3, "test": 1})
    (root / name).write_bytes((root / name).read_bytes()[:100])
    with pytest.raises(ValueError, match=rf"image .*{name} .*cannot be decoded"):
        check_data(*classes_of(root))


def test_test_images_of_different_size_need_a_crop(make_classes):
    root = make_classes({"train": 3, "test": 2})
    Image.fromarray(NOISE).save(root / "test/cat/1.png")
    match = (
        r"pipeline of folder .*/test to make images of one size, but got 12x10 for .*0\.png and "
        r"128x96 for .*test/cat/1\.png\. Add dict\(type='ResizeCenter', size=\.\.\.\) before Pack"
    )
    with pytest.raises(ValueError, match=match):
        check_data(*classes_of(root))
    notes = check_data(*classes_of(root, pipeline=[{"type": "ResizeCenter", "size": 8}]))
    assert notes[-1].endswith("12x10 to 128x96 pixels")


def test_validation_images_that_are_trained_on(make_classes):
    root = make_classes({"train": 3})
    with pytest.raises(ValueError, match=r"labeled list of split 'few': image \S+/train/"):
        check_data(*classes_of(root, folder="train"))


def test_arrays_have_nothing_to_decode(cifar10):
    root, _, _ = cifar10(per_batch=4)
    dataset = CIFAR10Dataset(data_root=root)
    assert check_headers(dataset) == []
    assert check_images(dataset, 5) == [
        f"checked 5 evenly spaced of 20 images of train part in {root}, 32x32 pixels"
    ]
