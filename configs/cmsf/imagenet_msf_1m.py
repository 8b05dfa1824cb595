# SPDX-License-Identifier: Apache-2.0
"""MSF, ResNet-50, ImageNet, 1,281,167 images, a memory of 1,024,000.

Also mean transfer 76.3 (Table 2), linear from 1% / 10% of the labels 55.5 / 66.5 (Table 4).
"""

_base_ = "./imagenet_self.py"

model = dict(constraint=None, memory_size=1_024_000)
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != "NeighbourPurityHook"]
