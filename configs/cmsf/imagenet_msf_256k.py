# SPDX-License-Identifier: Apache-2.0
"""MSF, ResNet-50, ImageNet, 1,281,167 images, a memory of 256,000.

Run:   python tools/train.py configs/cmsf/imagenet_msf_256k.py
Paper: linear 72.2, 1-NN 62.1, 20-NN 65.1 (CMSF, Table 1).
Ours:  not run.

As much memory as CMSF with its two of 128,000.
"""

_base_ = "./imagenet_self.py"

model = dict(constraint=None, memory_size=256_000)
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != "NeighbourPurityHook"]
