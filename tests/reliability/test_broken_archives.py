# SPDX-License-Identifier: Apache-2.0
"""Files of whole data sets that are damaged, or that try to run code when they are read."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from rankseg.datasets import CIFAR10Dataset, SVHNDataset
from rankseg.training.command_line import exit_on_user_error

PIXELS = np.zeros((10, 3072), np.uint8)
LABELS = list(range(10))


class Runs:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def refusal(make, capsys) -> str:
    with pytest.raises(SystemExit), exit_on_user_error():
        make()
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


def cifar(root: Path, content: bytes):
    folder = root / "cifar-10-batches-py"
    folder.mkdir(exist_ok=True)
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes(content)
    return lambda: CIFAR10Dataset(data_root=str(root))


GOOD = pickle.dumps({b"data": PIXELS, b"labels": LABELS}, protocol=2)


def test_a_good_batch_is_read(tmp_path):
    assert len(cifar(tmp_path, GOOD)()) == 50


@pytest.mark.parametrize("where", ["whole", "value", "key"])
def test_the_pickle_that_must_not_run(tmp_path, capsys, where):
    trap = Runs(tmp_path / "ran")
    content = {"whole": trap, "value": {b"data": trap, b"labels": LABELS}, "key": {trap: 1}}[where]
    data = pickle.dumps(content, protocol=2)
    error = refusal(cifar(tmp_path, data), capsys)
    assert "data_batch_1 to be a batch of CIFAR, but got: it requests to run posix.system" in error
    assert not (tmp_path / "ran").exists()
    pickle.loads(data)  # it would have run
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Ran out of input"),
        (GOOD[: len(GOOD) // 2], ""),
        (b"no pickle at all", ""),
        (pickle.dumps([1, 2]), "a list, not a dict"),
        (
            pickle.dumps({b"data": PIXELS, b"labels": [77] * 10}, 2),
            "labels must be 0 to 9",
        ),
        (pickle.dumps({b"data": PIXELS[:, :9], b"labels": LABELS}, 2), "b'data' must be (N"),
        (pickle.dumps({b"data": np.array([{}], object), b"labels": LABELS}, 2), "b'data' must be"),
    ],
    ids=["empty", "cut", "text", "list", "labels", "shape", "objects"],
)
def test_damaged_batches(tmp_path, capsys, content, reason):
    error = refusal(cifar(tmp_path, content), capsys)
    assert "data_batch_1 to be a batch of CIFAR, but got: " in error and reason in error
    assert "Unpack the 'python version' archive" in error


def mat(**content) -> bytes:
    file = io.BytesIO()
    savemat(file, content)
    return file.getvalue()


IMAGES = np.zeros((32, 32, 3, 2), np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        mat(X=IMAGES, y=np.array([[1], [2]]))[:200],
        mat(X=IMAGES),
        mat(X=IMAGES, y=np.array([["a"], ["b"]], object)),
        mat(X=np.array([{"a": 1}, 2], object), y=np.array([[1], [2]])),
        mat(X=IMAGES, y=np.array([[1], [99]])),
        mat(X=IMAGES.astype(float), y=np.array([[1], [2]])),
    ],
    ids=["empty", "cut", "no labels", "object labels", "object images", "labels", "floats"],
)
def test_damaged_digits(tmp_path, capsys, content):
    (tmp_path / "train_32x32.mat").write_bytes(content)
    error = refusal(lambda: SVHNDataset(data_root=str(tmp_path)), capsys)
    assert "train_32x32.mat to be a file of cropped SVHN digits, but got: " in error
    assert "Download it again" in error
