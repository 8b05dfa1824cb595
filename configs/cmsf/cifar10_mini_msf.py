# SPDX-License-Identifier: Apache-2.0
"""MSF, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/cmsf/cifar10_mini_msf.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = "./cifar10_mini_self.py"

model = dict(constraint=None, memory_size=4096)  # as much as CMSF with its two
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != "NeighbourPurityHook"]
