# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, WRN-10-2, a small CIFAR-10.

Run:   python tools/train.py configs/tac_ccl/cifar10_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = ["../metric_learning/cifar10_mini.py", "../_base_/methods/tac_ccl_scratch.py"]

model = dict(
    student=dict(neck=dict(in_channels=128, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=32, shift=1 / 8, **_base_.pop("pairs")
)
