# SPDX-License-Identifier: Apache-2.0
"""RankMatch, half-width DeepLabv3+ R-18, Lucchi mitochondria, 5 labelled slices of 165.

Run:   python tools/train.py configs/rankmatch/lucchi_small_5.py --data-root PATH
Paper: not in the paper, whose numbers are of a large network.
Ours:  not run.

From random weights, also on a CPU. The unsupervised terms wait for 30% of the iterations and then
ramp in. Evaluated is an average of the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/methods/rankmatch.py",
    "../_base_/datasets/lucchi_small.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

_base_.rankmatch.rank.num_agents = 32  # crops are small
model = dict(
    type="RankMatch",
    threshold=0.95,
    warmup=900,
    ramp=300,
    **_base_.pop("rankmatch"),
)
train_dataloader = dict(dataset=dict(split="even_5_seed0"))
