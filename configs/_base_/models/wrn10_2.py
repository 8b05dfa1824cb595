# SPDX-License-Identifier: Apache-2.0
"""WRN-10-2 for images of 32 px, 10 classes: 0.3 M parameters, for a CPU.

Runs are short, so the batch statistics move faster than those of WRN-28-2 (0.05 per step).
"""

_base_ = "./wrn28_2.py"

model = dict(
    student=dict(backbone=dict(depth=10, norm_cfg=dict(type="BN", momentum=0.05, eps=0.001)))
)
