# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, a narrow ResNet-18, a small Omniglot.

Run:   python tools/train.py configs/tac_ccl/omniglot_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = ["../metric_learning/omniglot_mini.py", "../_base_/methods/tac_ccl_scratch.py"]

model = dict(
    student=dict(neck=dict(in_channels=128, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=56, short=64, flip=0.0, **_base_.pop("pairs")
)
