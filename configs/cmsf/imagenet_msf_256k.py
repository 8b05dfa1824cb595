# SPDX-License-Identifier: Apache-2.0
"""MSF, ResNet-50, ImageNet, 1,281,167 images, a memory of 256,000.

As much memory as CMSF with its two of 128,000.
"""

_base_ = "./imagenet_self.py"

model = dict(constraint=None, memory_size=256_000)
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != "NeighbourPurityHook"]
