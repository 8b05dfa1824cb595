# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_mini_self.py"
model = dict(constraint=None, memory_size=4096)  # as much as CMSF with its two
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != "NeighbourPurityHook"]
