# SPDX-License-Identifier: Apache-2.0
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.cli import make_splits
from rankseg.datasets import CUBDataset
from rankseg.datasets.splits.splits import read_list

TOOL = Path(__file__).resolve().parents[2] / "tools/make_splits.py"


@pytest.fixture(scope="module")
def tool():
    return make_splits


@pytest.fixture
def root(tmp_path) -> Path:
    """Twelve images with masks of 0 and 1, class 2 in one of them, and two images without."""
    for folder in ("images", "masks", "more"):
        (tmp_path / folder).mkdir()
    for i in range(12):
        Image.new("RGB", (10, 8)).save(tmp_path / f"images/{i:02}.png")
        mask = np.zeros((8, 10), np.uint8)
        mask[0] = 2 if i == 5 else 1
        Image.fromarray(mask).save(tmp_path / f"masks/{i:02}.png")
    for i in range(2):
        Image.new("RGB", (10, 8)).save(tmp_path / f"more/{i}.png")
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    return tmp_path


@pytest.fixture
def fails(tool, capsys):
    """Run the tool with arguments that must end in one sentence and status 2."""

    def run(args: list[str], match: str) -> None:
        capsys.readouterr()
        with pytest.raises(SystemExit) as raised:
            tool.main(args)
        message = capsys.readouterr().err
        assert raised.value.code == 2
        assert message.count("\n") == 1 and message.startswith("error: ")
        assert re.search(match, message), message

    return run


def names(path: Path) -> set[str]:
    return {image for image, _ in read_list(path)}


def test_draw_from_folders(tool, fails, root, capsys):
    args = ["draw", "--data-root", str(root), "--size", "1/5", "--unlabeled-images", "more"]
    tool.main([*args, "--val", "4", "--seed", "3"])
    folder = root / "splits/1_5_seed3"
    labeled, unlabeled = names(folder / "labeled.txt"), names(folder / "unlabeled.txt")
    val = names(root / "splits/val.txt")
    assert (len(labeled), len(unlabeled), len(val)) == (2, 8, 4)
    assert {"more/0.png", "more/1.png"} <= unlabeled
    assert len(labeled | unlabeled | val) == 14
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[:4]] == ["class", "sky", "road", "car"]
    assert "labeled.txt: 2 images" in out

    before = (folder / "unlabeled.txt").read_text()
    fails([*args, "--seed", "3"], r"error: .* already exists\. .*--force")
    tool.main([*args, "--seed", "4", "--name", "other"])
    assert "excluded 4 images that are in" in capsys.readouterr().out
    other = names(root / "splits/other/labeled.txt") | names(root / "splits/other/unlabeled.txt")
    assert other == labeled | unlabeled
    assert (folder / "unlabeled.txt").read_text() == before
    tool.main([*args, "--seed", "3", "--force"])
    assert names(folder / "unlabeled.txt") | names(folder / "labeled.txt") == other


def test_draw_covers_the_rare_class_and_is_repeatable(tool, root):
    for seed in range(5):
        args = ["draw", "--data-root", str(root), "--size", "2", "--seed", str(seed)]
        tool.main(args)
        path = root / f"splits/2_seed{seed}/labeled.txt"
        assert "images/05.png" in names(path)
        text = path.read_text()
        tool.main([*args, "--force"])
        assert path.read_text() == text


@pytest.mark.parametrize(("options", "match"), [
    (["--size", "12"], "Expected size to give 1 to 11 of 12 images, but got 12"),
    (["--size", "1"], r"to cover all 3 classes, but got 1\. .* at least 2, .*--any-"),
    (["--size", "2", "--masks", "none"], "folder .*none, but it does not exist"),
    (["--size", "2", "--list", "no.txt"], r"split list no\.txt does not exist"),
    (["--size", "2", "--list", "gone.txt"], r"images/99\.png does not exist \(1 files are missing"),
    (["--size", "2", "--classes", "two.txt"], r"masks/05\.png .* got \[2\], which is no class"),
    (["--size", "2", "--binary", "--masks", "odd"], r"odd/00\.png .*binary=True, but got the v"),
])  # fmt: skip
def test_mistakes_leave_nothing_behind(fails, root, monkeypatch, options, match):
    monkeypatch.chdir(root)
    Path("gone.txt").write_text("images/01.png masks/01.png\nimages/99.png masks/01.png\n")
    Path("two.txt").write_text("a\nb\n")
    Path("odd").mkdir()
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save("odd/00.png")
    fails(["draw", "--data-root", str(root), *options], "error: .*" + match)
    assert not (root / "splits").exists()


def test_list_is_looked_for_in_the_data_root_too(tool, root):
    (root / "train.txt").write_text("".join(f"images/0{i}.png masks/0{i}.png\n" for i in range(8)))
    args = ["--data-root", str(root), "--list", "train.txt", "--size", "3", "--name", "mine"]
    tool.main(["draw", *args])
    assert len(names(root / "splits/mine/unlabeled.txt")) == 5


def test_published_names_are_not_taken(fails, root):
    shutil.move(root / "images", root / "JPEGImages")
    args = ["--data-root", str(root), "--images", "JPEGImages", "--size", "2", "--name", "92"]
    fails(["draw", *args], "but got --name 92, which is a published split of PASCAL")


def test_import_and_check(tool, fails, root, tmp_path, capsys):
    tool.main(["draw", "--data-root", str(root), "--size", "3", "--val", "3", "--name", "a"])
    shutil.move(root / "splits", tmp_path / "lists")
    tool.main(["import", str(tmp_path / "lists"), "--data-root", str(root)])
    assert "12 images in the lists, 0 of them missing" in capsys.readouterr().out
    tool.main(["check", "--data-root", str(root)])
    assert "split 'a': 3 labeled and 6 unlabeled images" in capsys.readouterr().out
    fails(["import", str(tmp_path / "lists"), "--data-root", str(root)], "already exists")
    (root / "images/00.png").unlink()
    fails(["check", "--data-root", str(root)], r"error: image .*images/00\.png does not exist")


def test_check_names_the_command_where_there_is_no_split(fails, root):
    args = ["check", "--data-root", str(root)]
    command = r"Make it with `python tools/make_splits\.py draw --data-root \S+ --size "
    fails(
        [*args, "--binary"],
        rf"splits to hold a split, but got none\. {command}1/16 --name 1_16 --val 50 --bin",
    )
    fails(
        [*args, "1_8"], rf"1_8/labeled\.txt does not exist\. {command}1/8 --name 1_8 --val 50`\.$"
    )
    (root / "JPEGImages").mkdir()
    fails(
        args,
        r"to hold a split, but got none\. Make it with `\S+ \S+ import UniMatch/splits/pascal",
    )


def test_masks_of_0_and_255_are_explained(fails, root):
    for path in (root / "masks").iterdir():
        Image.fromarray(np.array([[0, 255]], np.uint8)).save(path)
    match = r"masks: .*all masks hold only 0 and 255.*make_splits.py --binary"
    fails(["draw", "--data-root", str(root), "--size", "2"], match)


def test_import_replaces_the_mask_folder(tool, root, tmp_path):
    (tmp_path / "lists/a").mkdir(parents=True)
    (tmp_path / "lists/a/labeled.txt").write_text("images/00.png old/00.png")
    (tmp_path / "lists/a/unlabeled.txt").write_text("images/01.png")
    args = ["import", str(tmp_path / "lists"), "--data-root", str(root), "--mask-folder", "masks"]
    tool.main(args)
    assert read_list(root / "splits/a/labeled.txt") == [("images/00.png", "masks/00.png")]


def test_import_of_the_usual_lists(tool, fails, shared, tmp_path, capsys):
    source = shared / "data/unimatch_splits/pascal"
    tool.main(["import", str(source), "--data-root", str(tmp_path)])
    assert len(read_list(tmp_path / "splits/92/labeled.txt")) == 92
    assert len(read_list(tmp_path / "splits/92/unlabeled.txt")) == 10490
    copy = shutil.copytree(source / "183", tmp_path / "x/183", copy_function=shutil.copyfile)
    lines = (copy / "labeled.txt").read_text().splitlines()
    (copy / "labeled.txt").unlink()
    (copy / "labeled.txt").write_text("\n".join(lines[1:]))
    args = ["import", str(tmp_path / "x"), "--data-root", str(tmp_path), "--force"]
    fails(args, "split '183' to have 183 labeled and 10399 .* but got 182")


@pytest.fixture
def pets(tmp_path) -> Path:
    """Three classes of ten images in folders, and four images of no class."""
    root = tmp_path / "pets"
    for name in ("cat", "dog", "big fish"):
        (root / "train" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (6, 6)).save(root / f"train/{name}/{i}.png")
    (root / "more").mkdir()
    for i in range(4):
        Image.new("RGB", (6, 6)).save(root / f"more/{i}.png")
    return root


def by_class(path: Path) -> dict[str, int]:
    return dict(Counter(name for _, name in read_list(path)))


def test_labels_of_class_folders(tool, fails, pets, capsys):
    args = ["labels", "--data-root", str(pets), "--dataset", "folder", "--seed", "3"]
    tool.main([*args, "--size", "15"])
    folder, three = pets / "splits/15_seed3", ("big fish", "cat", "dog")
    for part, number in (("labeled", 4), ("val", 1), ("unlabeled", 5)):
        assert by_class(folder / f"{part}.txt") == dict.fromkeys(three, number)
    parts = [names(folder / f"{part}.txt") for part in ("labeled", "val", "unlabeled")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["class", "labeled", "unlabeled", "val"]
    assert out[1].split() == ["big", "fish", "4", "5", "1"]
    assert out[-1] == f"wrote {folder}/val.txt: 3 images"
    before = (folder / "labeled.txt").read_text()
    fails([*args, "--size", "15"], r"labeled\.txt already exists\. .*--force")
    tool.main([*args, "--size", "15", "--force", "--val-share", "0"])
    assert len(names(folder / "labeled.txt")) == 15
    tool.main([*args, "--size", "15", "--name", "again"])
    assert (pets / "splits/again/labeled.txt").read_text() == before
    tool.main(["check", "--data-root", str(pets), "--dataset", "folder", "again"])
    assert "split 'again': 12 labeled and 15 unlabeled images" in capsys.readouterr().out
    fails(
        ["check", "--data-root", str(pets), "again"],
        r"to name masks, but got classes\. .*--dataset",
    )


def test_what_is_labeled_already_and_images_of_no_class(tool, pets):
    args = ["labels", "--data-root", str(pets), "--dataset", "folder", "--all-labeled"]
    tool.main([*args, "--unlabeled-images", "more", "--val-share", "0.3"])
    assert by_class(pets / "splits/all/val.txt") == {"big fish": 3, "cat": 3, "dog": 3}
    assert len(names(pets / "splits/all/labeled.txt")) == 21
    assert names(pets / "splits/all/unlabeled.txt") == {f"more/{i}.png" for i in range(4)}
    tool.main(["check", "--data-root", str(pets), "--dataset", "folder"])


def test_labels_of_a_published_list(tool, fails, pets, tmp_path):
    path = tmp_path / "1percent.txt"
    path.write_text("cat/3.png\ndog/1.png\nbig fish/0.png\n")
    args = ["labels", "--data-root", str(pets), "--dataset", "folder", "--labeled", str(path)]
    tool.main(args)
    folder = pets / "splits/1percent"
    assert by_class(folder / "labeled.txt") == {"big fish": 1, "cat": 1, "dog": 1}
    assert len(names(folder / "unlabeled.txt")) == 27 and not (folder / "val.txt").exists()
    path.write_text("cat/3.png\ndog/1.png\n")
    fails([*args, "--name", "b"], "every class, but got none of class 'big fish'")


def test_labels_of_a_list(tool, fails, pets):
    lines = "".join(f"{name}/{i}.png\t{name}\n" for name in ("cat", "dog") for i in range(6))
    (pets / "list.txt").write_text(lines)
    (pets / "classes.txt").write_text("cat\ndog\n")
    args = ["labels", "--data-root", str(pets), "--dataset", "list", "--size", "4"]
    tool.main([*args, "--list", "list.txt", "--folder", "train", "--val-share", "0.5"])
    assert by_class(pets / "splits/4_seed0/val.txt") == {"cat": 1, "dog": 1}
    assert len(names(pets / "splits/4_seed0/unlabeled.txt")) == 8
    fails(args, "Expected --list FILE with --dataset list")


def test_labels_of_cifar(tool, pets, shared, tmp_path):
    root = tmp_path / "cifar"
    root.mkdir()
    (root / "cifar-10-batches-py").symlink_to(shared / "data/cifar10_mini/cifar-10-batches-py")
    tool.main(["labels", "--data-root", str(root), "--dataset", "cifar10", "--size", "50"])
    assert set(by_class(root / "splits/50_seed0/labeled.txt").values()) == {4}
    assert len(names(root / "splits/50_seed0/unlabeled.txt")) == 450
    tool.main(["check", "--data-root", str(root), "--dataset", "cifar10"])


def test_images_of_the_common_validation_list_are_left_out(tool, pets, capsys):
    (pets / "splits").mkdir()
    (pets / "splits/val.txt").write_text("train/cat/0.png\n")
    tool.main(["labels", "--data-root", str(pets), "--dataset", "folder", "--size", "27"])
    assert "excluded 1 images that are in" in capsys.readouterr().out
    assert "train/cat/0.png" not in names(pets / "splits/27_seed0/labeled.txt")


@pytest.mark.parametrize(("options", "match"), [
    (["--size", "4"], "a multiple of the 3 classes, but got 4. Use 3 or 6"),
    (["--size", "2"], "size to be at least 3, .* but got 2"),
    (["--size", "33"], "11 images .* for size 33, but class 'big fish' has 10"),
    (["--size", "3"], "class 'big fish' to remain, but --val-share 0.2 takes all 1"),
    (["--size", "30"], "some unlabeled images, but all 30 images would be labeled"),
    (["--size", "3", "--folder", "val"], "folder .*/val to hold one sub-folder"),
    (["--labeled", "no.txt"], r"split list no\.txt does not exist"),
])  # fmt: skip
def test_mistakes_in_labels_leave_nothing_behind(fails, pets, options, match):
    fails(["labels", "--data-root", str(pets), "--dataset", "folder", *options], match)
    assert not (pets / "splits").exists()


def test_import_of_lists_of_classes(tool, pets, tmp_path, capsys):
    tool.main(["labels", "--data-root", str(pets), "--dataset", "folder", "--size", "15"])
    (pets / "splits").rename(tmp_path / "lists")
    tool.main(["import", str(tmp_path / "lists"), "--data-root", str(pets)])
    assert "0 masks in the lists, 0 of them missing" in capsys.readouterr().out
    assert (pets / "splits/15_seed0/val.txt").is_file()


def test_data_root_that_is_absent(fails, tmp_path):
    for command in (["draw", "--size", "2"], ["import", "x"], ["check"]):
        args = [*command, "--data-root", str(tmp_path / "none")]
        fails(args, "data_root .* '.*none' does not exist\\. .*--data-root")


def test_help_and_status():
    for command in ([], ["draw"], ["labels"], ["import"], ["check"]):
        result = subprocess.run([sys.executable, TOOL, *command, "--help"], capture_output=True)
        assert result.returncode == 0 and b"examples:" in result.stdout


def test_dataset_names_every_registered_set(fails, pets):
    known = "ade20k, cars, cifar10, cifar100, cityscapes, coco, cub, folder, inshop, list, sop, "
    known += "svhn, voc"
    args = ["--data-root", str(pets), "--dataset", "mine"]
    fails(["check", *args], f"Expected --dataset to be one of .*{known}, but got mine")
    fails(
        ["labels", *args[:2], "--dataset", "voc", "--size", "2"], "images with classes, but got voc"
    )
    fails(["check", *args[:2], "--dataset", "voc", "--folder", "x"], "Expected --folder with --da")


def test_sets_for_retrieval(tool, fails, tmp_path, monkeypatch):
    words = {"images.txt": "1 001.A/1.jpg\n2 001.A/2.jpg\n3 002.B/1.jpg\n4 002.B/2.jpg\n"}
    words |= {"image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n", "classes.txt": "1 001.A\n2 002.B\n"}
    for name, text in words.items():
        (tmp_path / name).write_text(text)
    for name in ("001.A/1", "001.A/2", "002.B/1", "002.B/2"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6)).save(tmp_path / f"images/{name}.jpg")
    known = r"has the layout of CUB-200-2011\. Use .*, or --dataset cub on the command line"
    data = ["--data-root", str(tmp_path)]
    fails(["labels", *data, "--dataset", "folder", "--folder", "images", "--size", "2"], known)
    fails(["draw", *data, "--size", "1/2"], f"masks, but it does not exist.*{known}")
    fails(["check", *data], f"to hold a split, but got none\\. .*{known}")
    mine = ["labels", *data, "--dataset", "cub", "--size", "2", "--val-share", "0"]
    fails(mine, "the published 5,864 images of 100 classes, but got 4 of 2")
    monkeypatch.setattr(CUBDataset, "PUBLISHED", {"train": (4, 2)})
    tool.main(mine)
    assert by_class(tmp_path / "splits/2_seed0/labeled.txt") == {"001.A": 1, "002.B": 1}
    tool.main(["check", *data, "--dataset", "cub"])
