# SPDX-License-Identifier: Apache-2.0
"""What data sets with one class per image share: lists, classes, arrays held once."""

import copy
import pickle

import numpy as np
import pytest

from rankseg.datasets import CIFAR10Dataset, ClassListDataset, arrays


def lists(root, text: str, kind=CIFAR10Dataset, **options):
    (root / "list.txt").write_text(text)
    return kind(data_root=root, ann_file="list.txt", **options)


def test_a_list_picks_images_and_keeps_its_order(cifar10):
    root, _, labels = cifar10(per_batch=4)
    dataset = lists(root, "train/00011\ntrain/00003\ntest/00001\n")
    whole = CIFAR10Dataset(data_root=root)
    assert dataset.class_ids().tolist() == [labels[11], labels[3], labels[21]]
    assert np.array_equal(dataset[1]["img"], whole[3]["img"]) and dataset[1]["sample_idx"] == 1


@pytest.mark.parametrize("name", [
    "train/00020", "train/3", "train/000003", "valid/00003", "00003", "train/-0001", "train/abc",
])  # fmt: skip
def test_names_that_there_are_not(cifar10, name):
    root, _, _ = cifar10(per_batch=4)
    match = rf"list\.txt to have names such as 'train/00000' or 'test/.* but got '{name}'"
    with pytest.raises(ValueError, match=match):
        lists(root, f"{name}\n")


def test_the_class_of_the_list_counts(cifar10, capsys):
    root, _, labels = cifar10(per_batch=4)
    other = (labels[0] + 1) % 10
    text = f"train/00000 {CIFAR10Dataset.METAINFO['classes'][other]}\ntrain/00001\n"
    assert lists(root, text).class_ids().tolist() == [other, labels[1]]
    assert "gives 1 of 2 images another class than" in capsys.readouterr().out
    lists(root, text, with_labels=False)
    assert not capsys.readouterr().out


def test_class_that_is_not_known(cifar10):
    root, _, _ = cifar10(per_batch=4)
    match = (
        r"list .*list\.txt to name one of the 10 classes \(airplane, .*, \.\.\.\), but got 'cats' "
        r"for image train/00001\. Did you mean 'cat'\? Correct the name, or write all classes"
    )
    with pytest.raises(ValueError, match=match):
        lists(root, "train/00000\ntrain/00001 cats\n")
    text = "train/00000 cats\ntrain/00001\n"
    assert lists(root, text, with_labels=False).class_ids()[0] == -1


def test_image_without_a_class(tmp_path):
    (tmp_path / "a.png").write_text("")
    options = {"kind": ClassListDataset, "classes": ("cat", "dog")}
    with pytest.raises(ValueError, match=r"'image class' lines, but got no class for image a\.png"):
        lists(tmp_path, "a.png\n", **options)
    sample = lists(tmp_path, "a.png\n", with_labels=False, **options).get_data_info(0)
    assert "gt_label" not in sample


def test_arrays_are_read_once_and_never_copied(cifar10):
    root, _, _ = cifar10(per_batch=4)
    first, second = CIFAR10Dataset(data_root=root), lists(root, "train/00003\n")
    part = first.get_subset([3, 4])
    for other in (second, pickle.loads(pickle.dumps(second)), copy.deepcopy(second), part):
        assert np.shares_memory(first.get_data_info(3)["img"], other.get_data_info(0)["img"])
    assert len(pickle.dumps(first)) < 20 * 32 * 32 * 3 / 4
    assert first.data_bytes.nbytes < 20 * 200
    with pytest.raises(ValueError, match="read-only"):
        first.get_data_info(0)["img"][0] = 0


def test_a_spawned_worker_reads_the_files_itself(cifar10):
    root, pixels, _ = cifar10(per_batch=1)
    content = pickle.dumps(CIFAR10Dataset(data_root=root))
    arrays._read_once.cache_clear()
    assert sum(int(sample["img"].sum()) for sample in pickle.loads(content)) == pixels[:5].sum()


def test_files_that_change_are_read_anew(cifar10):
    root, _, labels = cifar10(per_batch=4)
    assert CIFAR10Dataset(data_root=root).class_ids().tolist() == labels[:20].tolist()
    root, _, changed = cifar10(per_batch=4, seed=1)
    assert changed.tolist() != labels.tolist()
    assert CIFAR10Dataset(data_root=root).class_ids().tolist() == changed[:20].tolist()
