# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, WRN-10-2, a small CIFAR-10.

Run:   python tools/train.py configs/tac_ccl/cifar10_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = ["../metric_learning/cifar10_mini.py", "../_base_/methods/tac_ccl.py"]

model = dict(
    student=dict(neck=dict(in_channels=128, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=32,
    scale=(0.2, 1.0),  # this and the colours are those of the baseline, "small_strong"
    colours=[
        dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, p=0.8),
        dict(type="ToGray", p=0.2),
    ],
    **_base_.pop("pairs"),
)
