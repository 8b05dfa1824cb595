# SPDX-License-Identifier: Apache-2.0
"""BYOL without the symmetric term, ResNet-50, ImageNet, 1,281,167 images.

The only neighbor is the target itself, so the memory holds just one global batch.
"""

_base_ = "./imagenet_self.py"

model = dict(constraint=None, memory_size=4096, k=1)
custom_hooks = _base_.custom_hooks[:-1]
