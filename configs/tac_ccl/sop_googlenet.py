# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, Stanford Online Products, 11,318 classes without labels.

Run:   python tools/train.py configs/tac_ccl/sop_googlenet.py
Paper: Recall@1 63.9 (TAC-CCL, Tables 4.2 and 4.4).
Ours:  not run.

Further Recall @10 77.6, @100 87.8. Pairs of different images: see `cub_googlenet.py`.
"""

_base_ = ["../metric_learning/sop_googlenet.py", "../_base_/methods/tac_ccl.py"]

model = dict(
    student=dict(neck=dict(in_channels=1024, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=227, short=256, **_base_.pop("pairs")
)
