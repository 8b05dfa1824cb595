# SPDX-License-Identifier: Apache-2.0
"""RankMatch, narrow DeepLabv3+ R-18 from random weights, the generated demo set.

Run:   python tools/train.py configs/rankmatch/demo.py
Paper: not in the paper.
Ours:  `make demo` writes work_dirs/demo/results.md.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_narrow.py",
    "../_base_/datasets/demo.py",
    "../_base_/schedules/demo.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="RankMatch",
    student=dict(decode_head=dict(num_classes=7)),
    threshold=0.6,
    warmup=200,
    ramp=100,
    feature_dropout=0.5,
    feature_tap="decode_head.bottleneck",
    rank=dict(
        type="RankCorrelationLoss",
        num_agents=32,
        topk=4,
        selection="orthogonal",
        consistency="rank",
        reduction="element",
        loss_weight=0.1,
    ),
)
