# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, Cars-196, 98 classes without labels.

Run:   python tools/train.py configs/tac_ccl/cars_googlenet.py
Paper: Recall@1 46.1 (TAC-CCL, Tables 4.1 and 4.4).
Ours:  not run.

Further Recall @2 56.9, @4 67.5, @8 76.7. Pairs of different images: see `cub_googlenet.py`.
"""

_base_ = ["../metric_learning/cars_googlenet.py", "../_base_/methods/tac_ccl.py"]

model = dict(
    student=dict(neck=dict(in_channels=1024, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=227, short=256, **_base_.pop("pairs")
)
