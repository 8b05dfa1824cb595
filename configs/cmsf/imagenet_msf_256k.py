# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_self.py"
model = dict(constraint=None, memory_size=256_000)  # as much as CMSF with its two of 128,000
custom_hooks = _base_.custom_hooks[:-1]
