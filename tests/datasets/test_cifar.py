# SPDX-License-Identifier: Apache-2.0
import os
import pickle

import numpy as np
import pytest

from rankseg.datasets import CIFAR10Dataset, CIFAR100Dataset
from rankseg.datasets.cifar import CIFAR10, CIFAR100, read_pickle


class Spy:
    """What a pickle is made to call leaves a file behind."""

    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


def test_pixels_and_labels_in_the_order_of_the_files(cifar10):
    root, pixels, labels = cifar10(per_batch=4)
    train = CIFAR10Dataset(data_root=root)
    assert len(train) == 20 and len(CIFAR10Dataset(data_root=root, part="test")) == 4
    for i in (0, 7, 19):
        sample = train[i]
        assert sample["img_path"] == f"{root}/train/{i:05}" and sample["sample_idx"] == i
        assert sample["gt_label"] == labels[i]
        for channel in range(3):  # stored plane by plane, row by row
            plane = pixels[i, 1024 * channel : 1024 * (channel + 1)].reshape(32, 32)
            assert np.array_equal(sample["img"][..., channel], plane)


def test_data_root_may_be_the_folder_of_the_files(cifar10):
    root, _, labels = cifar10(per_batch=2)
    assert CIFAR10Dataset(data_root=root / "cifar-10-batches-py")[9]["gt_label"] == labels[9]


def test_cifar100_has_fine_labels(tmp_path):
    (tmp_path / "cifar-100-python").mkdir()
    batch = {b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [99, 3]}
    batch[b"coarse_labels"] = [0, 1]
    for part in ("train", "test"):
        (tmp_path / "cifar-100-python" / part).write_bytes(pickle.dumps(batch, protocol=2))
    dataset = CIFAR100Dataset(data_root=tmp_path, part="test")
    assert [dataset.classes[k] for k in dataset.class_ids()] == ["worm", "bear"]


def test_names_are_in_the_order_of_the_ids():
    assert len(CIFAR10) == 10 and len(CIFAR100) == 100
    assert list(CIFAR10) == sorted(CIFAR10) and list(CIFAR100) == sorted(CIFAR100)


@pytest.mark.parametrize("call", [
    (os.mkdir, ("run",)), (eval, ("__import__('os').mkdir('run')",)), (np.fromfile, ("file",)),
])  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code_is_refused(tmp_path, monkeypatch, call, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": Spy(call), b"labels": [0]}, protocol=protocol))
    match = r"data_batch_1 to be a batch of CIFAR, but got: it requests to run \S+, which"
    with pytest.raises(ValueError, match=match) as raised:
        read_pickle(path)
    assert "\n" not in str(raised.value) and not (tmp_path / "run").exists()


def test_no_codec_but_latin1_is_looked_up(tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x04\x00\x00\x00zliptR.")
    with pytest.raises(ValueError, match=r"it requests the encoding 'zlip'"):
        read_pickle(path)


@pytest.mark.parametrize(("content", "match"), [
    (b"", r"batch of CIFAR, but got: Ran out of input\. Unpack the 'python version' archive"),
    (b"\x80\x02}", r"to be a batch of CIFAR"),
    (pickle.dumps([1]), "a list, not a dict"),
    (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}), "b'labels' N labels"),
    (pickle.dumps({b"data": np.zeros((2, 3071), np.uint8), b"labels": [0, 0]}), "b'data' must be"),
    (pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 0]}), "b'data' must be .N, 3072"),
    (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}), "must be 0 to 9"),
])  # fmt: skip
def test_damaged_files(cifar10, content, match):
    root, _, _ = cifar10(per_batch=1)
    (root / "cifar-10-batches-py/data_batch_3").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        CIFAR10Dataset(data_root=root)


def test_file_that_is_absent(cifar10):
    root, _, _ = cifar10(per_batch=1)
    (root / "cifar-10-batches-py/data_batch_3").unlink()
    match = (
        r"data_batch_3, a file of CIFAR10Dataset, does not exist\. data/README\.md, section 'CIF"
    )
    with pytest.raises(FileNotFoundError, match=match):
        CIFAR10Dataset(data_root=root)


def test_real_files(shared):
    root = shared / "data/cifar10_mini"
    train = CIFAR10Dataset(data_root=root)
    assert np.bincount(train.class_ids()).tolist() == [50] * 10
    assert train[17]["img"].shape == (32, 32, 3) and len(CIFAR10Dataset(root, part="test")) == 100
