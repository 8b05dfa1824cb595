# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_mini_self.py"
model = dict(constraint=None, memory_size=128, k=1)
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != "NeighbourPurityHook"]
