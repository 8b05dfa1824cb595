# SPDX-License-Identifier: Apache-2.0
"""CPS, half-width DeepLabv3+ R-18, mitochondria, 2 labelled sections.

Run:   python tools/train.py configs/cps/em_mito_2.py --data-root PATH
Paper: not in the paper, whose mitochondria are the Lucchi set (Table 9).
Ours:  see docs/results.md.

The cross terms wait for 30% of the iterations and then ramp in. Evaluated is an
average of the weights of the first student.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/methods/cps.py",
    "../_base_/datasets/em_mito.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

model = dict(
    type="CPS",
    warmup=900,
    ramp=300,
    **_base_.pop("cps"),
)
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
