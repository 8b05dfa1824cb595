# SPDX-License-Identifier: Apache-2.0
"""Linear probe on frozen EfficientNet-Lite0, a small CIFAR-10, 100 of 4,000 images labeled.

Train a second one on the images on which the first one is confident:

    python tools/pseudo_label.py RUN --threshold 0.9 --out splits/100_seed0_pseudo
    python tools/train.py configs/supervised/cifar10_mini_100_lite0_linear.py --cfg-options \
        train_dataloader.dataset.split=100_seed0_pseudo
"""

_base_ = "./cifar10_mini_100_lite0.py"

model = dict(student=dict(backbone=dict(frozen=True)))
