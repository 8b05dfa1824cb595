# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from rankseg.export.deployed import Deployed


class Doubling(nn.Module):
    """As a segmentor whose logits are twice the image, however many channels that has."""

    def encode_decode(self, image, metas):
        assert metas == [{"img_shape": image.shape[2:]}]
        return 2 * image


def test_images_as_they_are_read_are_normalized():
    model = Deployed(Doubling(), normalize=([1.0, 2.0, 3.0], [2.0, 4.0, 8.0]))
    image = torch.tensor([5, 6, 7], dtype=torch.uint8).expand(1, 4, 2, 3)
    logits = model(image)
    assert logits.shape == (1, 3, 4, 2)
    assert logits[0, :, 0, 0].tolist() == [4.0, 2.0, 1.0]


@pytest.mark.parametrize(("classes", "kind"), [(256, torch.uint8), (257, torch.int64)])
def test_classes(classes, kind):
    image = torch.zeros(2, classes, 3, 4)
    image[0, classes - 1] = 1
    found = Deployed(Doubling(), argmax=True)(image)
    assert found.dtype == kind and found.shape == (2, 3, 4)
    assert found[:, 0, 0].tolist() == [classes - 1, 0]


def test_a_classifier_has_no_pixels():
    assert Deployed(Doubling(), image_level=True)(torch.ones(2, 5, 1, 1)).shape == (2, 5)
    assert Deployed(Doubling(), True, argmax=True)(torch.ones(2, 5, 1, 1)).shape == (2,)
