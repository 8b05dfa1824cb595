# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled.

Run:   python tools/train.py configs/rankmatch/kvasir_16.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

The unsupervised terms wait for 25% of the iterations and then ramp in. Evaluated is an average of
the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_lite0.py",
    "../_base_/methods/rankmatch.py",
    "../_base_/datasets/kvasir.py",
    "../_base_/schedules/small_pretrained.py",
    "../_base_/runtime_foreground.py",
]

_base_.rankmatch.rank.num_agents = 32  # crops are small
model = dict(
    type="RankMatch",
    threshold=0.95,
    warmup=150,
    ramp=150,
    **_base_.pop("rankmatch"),
)
train_dataloader = dict(dataset=dict(split="16"))
