# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from scipy.io import savemat

from rankseg.datasets import SVHNDataset


@pytest.fixture
def root(tmp_path):
    """Three images a part; image ``i`` is ``10 i`` in its second column."""
    images = np.zeros((32, 32, 3, 3), np.uint8)
    images[:, 1] = 10 * np.arange(3, dtype=np.uint8)
    for part in ("train", "test", "extra"):
        labels = np.array([[10], [1], [9]], np.uint8)
        savemat(tmp_path / f"{part}_32x32.mat", {"X": images, "y": labels})
    return tmp_path


def test_label_10_is_the_digit_0(root):
    dataset = SVHNDataset(data_root=root)
    assert [dataset.classes[k] for k in dataset.class_ids()] == ["0", "1", "9"]
    image = dataset[2]["img"]
    assert image.shape == (32, 32, 3) and (image[:, 1] == 20).all() and not image[:, 2:].any()


def test_a_list_may_name_images_of_every_part(root):
    (root / "list.txt").write_text("extra/00001\ntrain/00002 9\n")
    dataset = SVHNDataset(data_root=root, ann_file="list.txt")
    assert dataset.class_ids().tolist() == [1, 9]
    assert dataset[0]["img_path"].endswith("extra/00001")


@pytest.mark.parametrize(("content", "match"), [
    (None, r"train_32x32\.mat to be a file of cropped SVHN digits"),
    ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((3, 1))}, r"X must be \(32, 32, 3"),
    ({"X": np.zeros((32, 32, 3, 1), np.uint8), "y": np.zeros((1, 1))}, "labels must be 1 to 10"),
    ({"y": np.zeros((1, 1))}, r"digits, but got: 'X'\. Download"),
])  # fmt: skip
def test_damaged_files(root, content, match):
    path = root / "train_32x32.mat"
    path.write_bytes(b"MATLAB 5.0") if content is None else savemat(path, content)
    with pytest.raises(ValueError, match=match):
        SVHNDataset(data_root=root)


def test_part_that_there_is_not(root):
    with pytest.raises(ValueError, match=r"part of SVHNDataset to be one of \['extra"):
        SVHNDataset(data_root=root, part="val")
