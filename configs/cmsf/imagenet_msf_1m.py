# SPDX-License-Identifier: Apache-2.0
"""MSF, ResNet-50, ImageNet, 1,281,167 images, a memory of 1,024,000."""

_base_ = "./imagenet_self.py"

model = dict(constraint=None, memory_size=1_024_000)
custom_hooks = _base_.custom_hooks[:-1]
