# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, ResNet-18 from random weights, Stanford Online Products, without labels.

Run:   python tools/train.py configs/tac_ccl/sop_resnet18.py
Paper: Recall@1 47.0 (TAC-CCL, Table 4.3).
Ours:  not run.

Further Recall @10 62.6, @100 77.5. Smaller weights and the wait of 20 passes are ours.
"""

_base_ = ["../metric_learning/sop_resnet18.py", "../_base_/methods/tac_ccl_scratch.py"]

_base_.tac_ccl.update(warmup=14_880, ramp=7_440)
model = dict(
    student=dict(neck=dict(in_channels=512, **_base_.pop("attention"))), **_base_.pop("tac_ccl")
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(
    size=227, short=256, **_base_.pop("pairs")
)
