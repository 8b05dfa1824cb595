# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import SemiDataset
from rankseg.structures import SampleKey


def build(root, kind="FolderDataset", **options) -> SemiDataset:
    options = options or {"split": "few"}
    return SemiDataset({"type": kind, "data_root": str(root)}, **options)


def test_labelled_first_each_half_with_its_pipeline(make_set):
    root = make_set()
    mark = [lambda results: results | {"half": "labelled"}]
    other = [lambda results: results | {"half": "unlabelled"}]
    dataset = build(root, split="few", labeled_pipeline=mark, unlabeled_pipeline=other, seed=5)
    assert (len(dataset), dataset.num_labeled, dataset.num_unlabeled) == (6, 2, 4)
    assert dataset.metainfo["classes"] == ("sky", "road", "car")
    first, last = dataset[SampleKey(1, 7)], dataset[5]
    assert first["half"] == "labelled" and first["img_path"].endswith("images/1.png")
    assert first["seg_map_path"].endswith("masks/1.png") and first["seed"] == (5, 7, 1)
    assert last["half"] == "unlabelled" and last["img_path"].endswith("images/5.png")
    assert last["seed"] == (5, 0, 5)
    for index in (-1, 6):
        with pytest.raises(IndexError):
            dataset[index]


def test_an_unlabelled_image_never_opens_a_mask(make_set):
    root = make_set()
    lines = "".join(f"images/{i}.png masks/{i}.png\n" for i in (2, 3))
    (root / "splits/few/unlabeled.txt").write_text(lines)
    for i in (2, 3):
        (root / f"masks/{i}.png").unlink()
    dataset = build(root, split="few", unlabeled_pipeline=[{"type": "LoadSample"}])
    assert dataset[2]["seg_map_path"] is None and "seg_map" not in dataset[2]


def test_lists_by_name_and_split_root(make_set, tmp_path):
    root = make_set()
    named = build(root, labeled="splits/few/labeled.txt", unlabeled="splits/few/unlabeled.txt")
    assert len(named) == 6
    (root / "splits").rename(tmp_path / "elsewhere")
    assert len(build(root, split="few", split_root=str(tmp_path / "elsewhere"))) == 6
    command = r"does not exist: make it with `python tools/make_splits\.py draw --data-root .*/set "
    match = rf"splits/few/labeled\.txt {command}--size 1/16 --name few --val 50`$"
    with pytest.raises(FileNotFoundError, match=match):
        build(root, split="few")
    with pytest.raises(
        FileNotFoundError, match=r"make_splits\.py import UniMatch/splits/pascal --d"
    ):
        build(root, "VOCDataset", split="few")


@pytest.mark.parametrize("options", [
    {"labeled": "a.txt"}, {"split": "few", "labeled": "a.txt"}, {"unlabeled": "a.txt"},
    {"split": "few", "labeled": "a.txt", "unlabeled": "b.txt"}, {"val": None},
])  # fmt: skip
def test_lists_named_twice_or_not_at_all(make_set, options):
    with pytest.raises(
        ValueError, match="either split='NAME' or both labeled='LIST' and unlabeled"
    ):
        build(make_set(), **options)


def test_leakage_is_checked_unless_told_otherwise(make_set):
    root = make_set()
    (root / "splits/val.txt").write_text("images/3.png masks/3.png")
    match = r"unlabelled list of split 'few': image images/3\.png is also in .*set/splits/val\.txt"
    with pytest.raises(ValueError, match=match):
        build(root)
    assert len(build(root, split="few", val=None)) == 6
    (root / "splits/val.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"splits/val\.txt does not exist"):
        build(root)


def test_overlap(make_set):
    root = make_set()
    with (root / "splits/few/unlabeled.txt").open("a") as file:
        file.write("./images/0.png\n")
    with pytest.raises(
        ValueError, match=r"image images/0\.png is listed as labelled and as unlabel"
    ):
        build(root)


def test_published_names_have_published_sizes(make_set):
    root = make_set()
    (root / "splits/few").rename(root / "splits/92")
    assert len(build(root, split=92)) == 6
    with pytest.raises(
        ValueError, match="split '92' has 2 labelled and 4 unlabelled images, the pu"
    ):
        build(root, "VOCDataset", split="92")
    dataset = build(root, "VOCDataset", split="92", check_counts=False)
    assert dataset.describe() == "split '92': 2 labelled and 4 unlabelled images"
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("0\n77\n")
    assert dataset.describe().endswith("50% of the labelled ones finely annotated")


def test_data_root_and_type(make_set):
    with pytest.raises(
        FileNotFoundError, match="data_root 'no' of VOCDataset does not exist.*--data-"
    ):
        build("no", "VOCDataset")
    with pytest.raises(
        ValueError, match="dataset type 'Nothing' of SemiDataset: expected a data set"
    ):
        build(make_set(), "Nothing")


def test_real_sets(shared):
    camvid = build(shared / "data/camvid", split="1_16")
    assert (camvid.num_labeled, camvid.num_unlabeled) == (23, 344)
    config = {"type": "FolderDataset", "data_root": str(shared / "data/em_mito"), "binary": True}
    lists = {"labeled": "splits/labeled_2.txt", "unlabeled": "splits/unlabeled.txt"}
    mito = SemiDataset(config, **lists, labeled_pipeline=[{"type": "LoadSample"}])
    assert (mito.num_labeled, mito.num_unlabeled) == (2, 22)
    assert 0.02 < mito[0]["seg_map"].mean() < 0.1
