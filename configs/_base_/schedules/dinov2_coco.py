# SPDX-License-Identifier: Apache-2.0
"""20 passes, with a batch of 16 + 16. Otherwise as for VOC."""

_base_ = "./dinov2_voc.py"

train_cfg = dict(max_epochs=20)
