# SPDX-License-Identifier: Apache-2.0
"""CCT, half-width DeepLabv3+ R-18, mitochondria, 2 labelled sections.

Run:   python tools/train.py configs/cct/em_mito_2.py --data-root PATH
Paper: not in the paper, whose mitochondria are the Lucchi set (Table 9).
Ours:  see docs/results.md.

The consistency waits for 30% of the iterations and then ramps in. Evaluated is an
average of the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/methods/cct.py",
    "../_base_/datasets/em_mito.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

_base_.cct.consistency_weight = 3.0  # as 30 is for 21 classes
model = dict(
    type="CCT",
    warmup=900,
    ramp=300,
    **_base_.pop("cct"),
)
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
