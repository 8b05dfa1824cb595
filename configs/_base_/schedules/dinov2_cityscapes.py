# SPDX-License-Identifier: Apache-2.0
"""180 passes, with a batch of 8 + 8. Otherwise as for VOC."""

_base_ = "./dinov2_voc.py"

train_cfg = dict(max_epochs=180)
auto_scale_lr = dict(base_batch_size=16)
