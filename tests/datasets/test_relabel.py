# SPDX-License-Identifier: Apache-2.0
"""Coarse and noisy labels: the functions, and what a data set makes of them."""

import pickle

import numpy as np
import pytest

from rankseg.datasets import (
    CIFAR10Dataset,
    CIFAR100Dataset,
    ClassFolderDataset,
    SemiDataset,
    image_level,
)
from rankseg.datasets.checks import check_same_classes
from rankseg.datasets.cifar import CIFAR100_GROUPS
from rankseg.datasets.relabel import corrupt, read_groups

GROUPS = {"cat": "pet", "dog": "pet", "big fish": "food"}


def groups_file(root, text="# of mine\n\ncat\tpet\ndog\tpet\nbig fish\tfood\nemu\tbird\n"):
    (root / "groups.txt").write_text(text)
    return str(root / "groups.txt")


@pytest.mark.parametrize(("share", "changed"), [(0, 0), (0.05, 10), (0.25, 50), (1, 200)])
def test_exactly_that_share_gets_another_class(share, changed):
    label = np.repeat(np.arange(4), 50)
    noisy = corrupt(label, 4, share)
    assert (noisy != label).sum() == changed and set(noisy) <= set(range(4))
    assert label.tolist() == np.repeat(np.arange(4), 50).tolist(), "a copy"


def test_every_other_class_is_as_likely():
    noisy = corrupt(np.full(6000, 2), 4, 0.5)
    counts = np.bincount(noisy, minlength=4)
    assert counts[2] == 3000 and all(abs(counts[k] - 1000) < 100 for k in (0, 1, 3))


def test_noise_is_that_of_the_seed_and_more_of_it_adds():
    label = np.arange(100) % 10
    few, again, other, many = (
        corrupt(label, 10, share, seed) for share, seed in ((0.1, 1), (0.1, 1), (0.1, 2), (0.4, 1))
    )
    assert np.array_equal(few, again) and not np.array_equal(few, other)
    assert np.array_equal(few[few != label], many[few != label])


def test_one_class_has_no_other():
    with pytest.raises(
        ValueError, match="label_noise to come with two classes or more, but got one"
    ):
        corrupt(np.zeros(3, int), 1, 0.5)


@pytest.mark.parametrize(
    "noise", [{}, {"share": 1.5}, {"share": "a"}, {"share": 0.1, "kind": 1}, {"seed": 1}]
)
def test_noise_that_is_none(noise, make_classes):
    with pytest.raises(ValueError, match=r"label_noise to be dict\(share=S, seed=N\)"):
        ClassFolderDataset(make_classes({"train": 1}), label_noise=noise)


def test_only_labeled_images_get_noise(make_classes, monkeypatch):
    told = []
    monkeypatch.setattr(image_level, "print_log", lambda text, *args, **kwargs: told.append(text))
    root = make_classes({"train": 10})
    lines = [f"train/{name}/{i}.png" for name in ("cat", "dog", "big fish") for i in range(10)]
    (root / "a.txt").write_text("".join(f"{line}\n" for line in lines[::2]))
    (root / "b.txt").write_text("".join(f"{line}\n" for line in lines[1::2]))
    semi = SemiDataset(
        dict(type="ClassFolderDataset", data_root=str(root), label_noise=dict(share=0.4, seed=3)),
        labeled="a.txt",
        unlabeled="b.txt",
        include_labeled=True,
    )
    names = semi.labeled.classes
    truth = np.array([names.index(line.split("/")[1]) for line in lines])
    assert (semi.labeled.class_ids() != truth[::2]).sum() == 6
    assert semi.unlabeled.class_ids().tolist() == [*truth[1::2], *truth[::2]]
    assert any("a.txt: 6 of 15 labels are changed at random" in text for text in told)


def test_file_of_groups(tmp_path):
    assert read_groups(groups_file(tmp_path)) == GROUPS | {"emu": "bird"}
    assert read_groups(groups_file(tmp_path, "a b\n c  d \n")) == {"a": "b", "c": "d"}
    for text, match in (
        ("a b\na\n", r"groups.txt, line 2 to be 'class group', but got 'a'"),
        ("big fish food\n", "line 1 .* but got 'big fish food'.* put a TAB between"),
        ("a\t\n", "line 1 to be"),
        ("a b\n#\na c\n", "line 3 names class 'a' again"),
    ):
        with pytest.raises(ValueError, match=match):
            read_groups(groups_file(tmp_path, text))
    with pytest.raises(FileNotFoundError, match=r"coarse to be a file .*no.txt does not exis"):
        read_groups(tmp_path / "no.txt")


@pytest.mark.parametrize("given", ["dict", "file"])
def test_folders_by_group(make_classes, given):
    root = make_classes({"train": 2})
    groups_file(root)
    coarse = GROUPS if given == "dict" else "groups.txt"
    dataset = ClassFolderDataset(root, coarse=coarse)
    assert dataset.classes == ("food", "pet")
    assert dataset.fine_classes == ("big fish", "cat", "dog")
    assert dataset.class_ids().tolist() == [0, 0, 1, 1, 1, 1]
    assert len(dataset.metainfo["palette"]) == 2
    (root / "list.txt").write_text("train/dog/0.png\ntrain/cat/0.png\tbig fish\n")
    assert ClassFolderDataset(root, "list.txt", coarse=coarse).class_ids().tolist() == [1, 0]


def test_a_class_without_a_group(make_classes):
    root = make_classes({"train": 1})
    match = r"coarse to name .* got none for 2 of 3 \(big fish, dog\)"
    with pytest.raises(ValueError, match=match):
        ClassFolderDataset(root, coarse={"cat": "pet"})


def test_coarse_classes_of_cifar(cifar10, tmp_path):
    root = tmp_path / "cifar100"
    (root / "cifar-100-python").mkdir(parents=True)
    batch = {b"data": np.zeros((100, 3072), np.uint8), b"fine_labels": list(range(99, -1, -1))}
    (root / "cifar-100-python/train").write_bytes(pickle.dumps(batch, protocol=2))
    fine, coarse = CIFAR100Dataset(root), CIFAR100Dataset(root, coarse=True)
    assert coarse.classes == tuple(CIFAR100_GROUPS) and len(coarse.classes) == 20
    assert sorted(name for names in CIFAR100_GROUPS.values() for name in names) == list(
        fine.classes
    )
    for mine, k in zip(coarse.class_ids(), fine.class_ids(), strict=True):
        assert fine.classes[k] in CIFAR100_GROUPS[coarse.classes[mine]]
    with pytest.raises(
        ValueError, match="groups of classes for coarse=True, but got CIFAR10Dataset"
    ):
        CIFAR10Dataset(cifar10(per_batch=1)[0], coarse=True)


def test_noise_changes_groups(make_classes):
    root = make_classes({"train": 4})
    dataset = ClassFolderDataset(root, coarse=GROUPS, label_noise=dict(share=1))
    assert dataset.class_ids().tolist() == [1] * 4 + [0] * 8


def test_training_and_test_set_have_the_same_groups(make_classes):
    root = make_classes({"train": 1, "test": 1})
    train, test = (ClassFolderDataset(root, folder=f, coarse=GROUPS) for f in ("train", "test"))
    check_same_classes(train, test)
    match = (
        r"class 0 is 'food' in .* and 'big fish' in .* \(2 and 3 classes\)\. Give both .* coarse"
    )
    with pytest.raises(ValueError, match=match):
        check_same_classes(train, ClassFolderDataset(root, folder="test"))
