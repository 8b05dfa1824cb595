# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_mini_self.py"
model = dict(constraint=None, memory_size=128, k=1)
custom_hooks = _base_.custom_hooks[:-1]
