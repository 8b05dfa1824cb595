# SPDX-License-Identifier: Apache-2.0
"""As for VOC, with a batch of 8 + 8."""

_base_ = "./dinov2_voc.py"

auto_scale_lr = dict(base_batch_size=16)
