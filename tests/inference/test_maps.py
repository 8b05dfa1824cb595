# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from rankseg.errors import FileError
from rankseg.inference import maps as module
from rankseg.inference.maps import Maps, check_logits, check_memory, count_classes, enough_memory


@pytest.mark.parametrize("at_once", [1, 200, 2**24])
def test_fills_maps_from_rows_of_logits(monkeypatch, at_once):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    torch.manual_seed(0)
    logits = 3 * torch.randn(4, 9, 7)
    maps = Maps((9, 7), 4, uncertainty=True, probabilities=np.empty((4, 9, 7), np.float32))
    for y, rows in ((0, 4), (4, 5)):
        maps.put(y, logits[:, y : y + rows])
    shares = logits.softmax(0).numpy()
    np.testing.assert_allclose(maps.probabilities, shares, rtol=1e-5)
    assert np.array_equal(maps.mask, shares.argmax(0))
    entropy = -(shares * np.log(shares)).sum(0) / np.log(4)
    np.testing.assert_allclose(maps.uncertainty, entropy, rtol=1e-4)
    assert np.array_equal(maps.counts, np.bincount(maps.mask.ravel(), minlength=4))
    assert np.array_equal(count_classes(maps.mask, 4), maps.counts)


def test_uncertainty_is_between_0_and_1():
    maps = Maps((1, 2), 3, uncertainty=True)
    maps.put(0, torch.tensor([[[0.0, -torch.inf]], [[0.0, 5.0]], [[0.0, -torch.inf]]]))
    assert maps.uncertainty[0] == pytest.approx([1, 0])


def test_raises_if_an_image_exceeds_the_memory(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: 2**30)
    check_memory((6000, 6000), 2, 512)
    with pytest.raises(FileError, match=r"x of 9000x9000 pixels .* takes about 1.8 GB, and 1.0 GB"):
        check_memory((9000, 9000), 2, 9000, "x")
    monkeypatch.setattr(module, "available_memory", lambda: None)
    check_memory((9000, 9000), 2, 9000)


def test_turns_out_of_memory_into_one_message():
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate")):
        raises = pytest.raises(FileError, match="a.png of 5x4 pixels to fit into memory")
        with raises, enough_memory((4, 5), "a.png"):
            raise error
    with pytest.raises(RuntimeError, match="shape"), enough_memory((4, 5)):
        raise RuntimeError("shape mismatch")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_counts_pixels_without_a_finite_logit(value):
    logits = torch.zeros(3, 4, 5)
    logits[1, 2, 3] = logits[0, 0, 0] = value
    logits[2] = -torch.inf  # a class that a network rules out is no fault
    maps = Maps((4, 5), 3)
    maps.put(0, logits)
    assert maps.non_finite == 2
    with pytest.raises(FileError, match="NaN or infinity for 2 of 20 pixels.*--amp"):
        check_logits(maps.non_finite, maps.mask.size)
    check_logits(0, 20)
