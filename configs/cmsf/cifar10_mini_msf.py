# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_mini_self.py"
model = dict(constraint=None, memory_size=4096)  # as much as CMSF with its two of 2,048
custom_hooks = _base_.custom_hooks[:-1]
