# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import SemiDataset
from rankseg.structures import SampleKey


def build(root, kind="FolderDataset", **options) -> SemiDataset:
    options = options or {"split": "few"}
    return SemiDataset({"type": kind, "data_root": str(root)}, **options)


def test_labeled_first_each_half_with_its_pipeline(make_set):
    root = make_set()
    mark = [lambda results: results | {"half": "labeled"}]
    other = [lambda results: results | {"half": "unlabeled"}]
    dataset = build(root, split="few", labeled_pipeline=mark, unlabeled_pipeline=other, seed=5)
    assert (len(dataset), dataset.num_labeled, dataset.num_unlabeled) == (6, 2, 4)
    assert dataset.metainfo["classes"] == ("sky", "road", "car")
    first, last = dataset[SampleKey(1, 7)], dataset[5]
    assert first["half"] == "labeled" and first["img_path"].endswith("images/1.png")
    assert first["seg_map_path"].endswith("masks/1.png") and first["seed"] == (5, 7, 1)
    assert last["half"] == "unlabeled" and last["img_path"].endswith("images/5.png")
    assert last["seed"] == (5, 0, 5)
    for index in (-1, 6):
        with pytest.raises(IndexError):
            dataset[index]


def test_an_unlabeled_image_never_opens_a_mask(make_set):
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
    command = (
        r"does not exist\. Make it with `python tools/make_splits\.py draw --data-root .*/set "
    )
    match = rf"splits/few/labeled\.txt {command}--size 1/16 --name few --val 50`\.$"
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
    with pytest.raises(ValueError, match="Set split='NAME', or both labeled='LIST' and unlabeled"):
        build(make_set(), **options)


def test_leakage_is_checked_unless_told_otherwise(make_set):
    root = make_set()
    (root / "splits/val.txt").write_text("images/3.png masks/3.png")
    match = r"unlabeled list of split 'few': image images/3\.png is also in .*set/splits/val\.txt"
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
        ValueError, match=r"image images/0\.png is listed as labeled and as unlabel"
    ):
        build(root)


def test_published_names_have_published_sizes(make_set):
    root = make_set()
    (root / "splits/few").rename(root / "splits/92")
    assert len(build(root, split=92)) == 6
    with pytest.raises(ValueError, match="split '92' to have 92 labeled .* but got 2 and 4"):
        build(root, "VOCDataset", split="92")
    dataset = build(root, "VOCDataset", split="92", check_counts=False)
    assert dataset.describe() == "split '92': 2 labeled and 4 unlabeled images"
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("0\n77\n")
    assert dataset.describe().endswith("50% of the labeled images finely annotated")


def test_data_root_and_type(make_set):
    with pytest.raises(
        FileNotFoundError, match="data_root of VOCDataset .* 'no' does not exist.*--data-"
    ):
        build("no", "VOCDataset")
    with pytest.raises(ValueError, match="Expected the dataset type to be .* but got 'Nothing'"):
        build(make_set(), "Nothing")


CLASSES = ("big fish", "cat", "dog")


@pytest.fixture
def by_class(make_classes):
    """Class folders; the first image of a class is labeled, the second not, the third for val."""
    root = make_classes({"train": 4, "test": 1})
    (root / "splits/few").mkdir(parents=True)
    for i, part in enumerate(("labeled", "unlabeled", "val")):
        lines = "".join(f"train/{name}/{i}.png\t{name}\n" for name in CLASSES)
        (root / f"splits/few/{part}.txt").write_text(lines)
    return root


def test_classes_of_images(by_class):
    load = [{"type": "LoadImage"}]
    dataset = build(
        by_class, "ClassFolderDataset", split="few", labeled_pipeline=load, unlabeled_pipeline=load
    )
    assert (dataset.num_labeled, dataset.num_unlabeled) == (3, 3)
    assert dataset.metainfo["classes"] == CLASSES
    assert dataset[2]["seg_map"].tolist() == [[2]] and dataset[2]["sample_idx"] == 2
    assert dataset[4]["seg_map"].tolist() == [[1]] and dataset[4]["sample_idx"] == 1
    (by_class / "splits/few/unlabeled.txt").write_text("train/cat/1.png nobody-knows\n")
    assert "seg_map" not in build(by_class, "ClassFolderDataset", split="few")[3]


def test_an_unlabeled_image_with_a_label_is_loaded_as_a_labeled_one(by_class):
    load = [{"type": "LoadImage"}]
    dataset = build(by_class, "ClassFolderDataset", split="few", labeled_pipeline=load, seed=4)
    plain, given = dataset[SampleKey(4, 7)], dataset[SampleKey(4, 7, 2)]
    assert "seg_map" not in plain and plain["gt_label"] == 1
    assert given["seg_map"].tolist() == [[2]] and given["img_path"] == plain["img_path"]
    assert given["seed"] == plain["seed"] == (4, 7, 4)
    assert (given["sample_idx"], plain["sample_idx"]) == (4, 1)
    assert dataset[SampleKey(4, 7)]["gt_label"] == 1, "the data set itself has not changed"


def test_labeled_images_without_their_labels_too(by_class):
    dataset = build(by_class, "ClassFolderDataset", split="few", include_labeled=True, seed=4)
    assert (dataset.num_labeled, dataset.num_unlabeled, len(dataset)) == (3, 6, 9)
    assert dataset.describe().endswith(
        "3 labeled and 6 unlabeled images, which include the labeled ones"
    )
    assert [dataset[i]["img_path"] for i in (6, 7, 8)] == [dataset[i]["img_path"] for i in range(3)]
    assert dataset[6]["sample_idx"] == 3 and dataset[6]["seed"] == (4, 0, 6)
    assert len(dataset.unlabeled) == 6


def test_labeled_images_among_the_unlabeled_open_no_mask(make_set):
    dataset = build(make_set(), split="few", include_labeled=True)
    assert dataset.num_unlabeled == 6 and dataset[6]["img_path"].endswith("images/0.png")
    assert dataset[6]["seg_map_path"] is None


def test_the_validation_list_of_a_split_comes_first(by_class):
    kind, own = "ClassFolderDataset", by_class / "splits/few/val.txt"
    common = by_class / "splits/val.txt"
    common.write_text("train/cat/1.png cat\n")
    assert len(build(by_class, kind)) == 6, "only its own list counts"
    own.write_text("train/cat/1.png cat\n")
    with pytest.raises(ValueError, match=r"train/cat/1\.png is also in .*splits/few/val\.txt"):
        build(by_class, kind)
    own.unlink()
    with pytest.raises(ValueError, match=r"train/cat/1\.png is also in .*splits/val\.txt"):
        build(by_class, kind)
    common.unlink()
    assert len(build(by_class, kind)) == 6, "there may be none"


def test_the_validation_list_of_a_split_with_masks(make_set):
    root = make_set()
    (root / "splits/few/val.txt").write_text("images/0.png masks/0.png\n")
    with pytest.raises(ValueError, match=r"images/0\.png is also in .*splits/few/val\.txt"):
        build(root)


@pytest.mark.parametrize(("lines", "match"), [
    (["train/cat/0.png cat", "train/cat/3.png cat", "train/dog/0.png dog"],
     r"list .*few/labeled\.txt to have a labeled image of every .* got no image of big fish"),
    (["train/cat/0.png cat"], "every class, but got 1 images for 3 classes"),
    (["train/cat/0.png dgo"], "one of the 3 classes .* but got 'dgo' .* Did you mean 'dog'"),
    (["train/cat/1.png cat"], r"train/cat/1\.png is listed as labeled and as unlabeled"),
    (["train/cat/0.png cat"] * 2, r"labeled list .* got image train/cat/0\.png more than on"),
])  # fmt: skip
def test_mistakes_in_lists_of_classes(by_class, lines, match):
    (by_class / "splits/few/labeled.txt").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=match):
        build(by_class, "ClassFolderDataset")


def test_lists_of_classes_that_are_absent(cifar10):
    root, _, _ = cifar10(per_batch=2)
    command = "labels --data-root .*/cifar10 --dataset cifar10 --size 20 --seed 3 --val-share 0`"
    with pytest.raises(FileNotFoundError, match=rf"make_splits\.py {command}"):
        build(root, "CIFAR10Dataset", split="20_seed3")
    with pytest.raises(FileNotFoundError, match="--size 40 --seed 0 --val-share 0 --name 40`"):
        build(root, "CIFAR10Dataset", split="40")
    with pytest.raises(FileNotFoundError, match="--size N --seed 0 --val-share 0 --name 1pct`"):
        build(root, "CIFAR10Dataset", split="1pct")


def test_real_sets(shared):
    camvid = build(shared / "data/camvid", split="1_16")
    assert (camvid.num_labeled, camvid.num_unlabeled) == (23, 344)
    config = {"type": "FolderDataset", "data_root": str(shared / "data/em_mito"), "binary": True}
    lists = {"labeled": "splits/labeled_2.txt", "unlabeled": "splits/unlabeled.txt"}
    mito = SemiDataset(config, **lists, labeled_pipeline=[{"type": "LoadSample"}])
    assert (mito.num_labeled, mito.num_unlabeled) == (2, 22)
    assert 0.02 < mito[0]["seg_map"].mean() < 0.1


def test_a_part_without_images(make_set, tmp_path):
    root = make_set()
    none = build(root, unlabeled="splits/few/unlabeled.txt", empty="labeled", val=None)
    assert (none.num_labeled, none.num_unlabeled, none.split) == (0, 4, "unlabeled")
    assert none.metainfo["classes"] == ("sky", "road", "car")
    assert none[0]["img_path"].endswith("images/2.png") and none[0]["seed"] == (0, 0, 0)
    assert "0 labeled and 4 unlabeled" in none.describe()
    alone = build(root, labeled="splits/few/labeled.txt", empty="unlabeled", val=None)
    assert (alone.num_labeled, alone.num_unlabeled) == (2, 0)
    assert alone[1]["seg_map_path"].endswith("masks/1.png")
    for options in (
        {"labeled": "a.txt", "empty": "labeled"},
        {"split": "few", "empty": "labeled"},
        {"labeled": "", "unlabeled": ""},
    ):
        with pytest.raises(ValueError, match="or one list and empty='labeled' or 'unlabeled'"):
            build(root, **options)
    with pytest.raises(ValueError, match="empty of SemiDataset to be one of .* but got 'both'"):
        build(root, unlabeled="a.txt", empty="both")


def test_all_images_of_class_folders(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(2):
            (tmp_path / "train" / name / f"{i}.png").touch()
    free = build(tmp_path, "ClassFolderDataset", unlabeled="", empty="labeled")
    assert (len(free), free.num_unlabeled, free.split) == (4, 4, "all")
    assert free.unlabeled.class_ids().tolist() == [0, 0, 1, 1]
    assert free.labeled.class_ids().tolist() == []
    seen = [dict(type="LoadImage")], [dict(type="LoadImage"), dict(type="PackEval")]
    pipelines = dict(zip(("labeled_pipeline", "unlabeled_pipeline"), seen, strict=True))
    free = build(tmp_path, "ClassFolderDataset", unlabeled="", empty="labeled", **pipelines)
    steps = [
        [type(t).__name__ for t in p.pipeline.transforms] for p in (free.labeled, free.unlabeled)
    ]
    assert steps == [["LoadImage"], ["LoadImage", "PackEval"]]  # for keys with and without a label
    full = build(tmp_path, "ClassFolderDataset", labeled="", empty="unlabeled")
    assert full.labeled.class_ids().tolist() == [0, 0, 1, 1]
