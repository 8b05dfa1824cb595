# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled.

Run:   python tools/train.py configs/fixmatch/peanut_8.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

The unsupervised terms wait for 25% of the iterations and then ramp in. Evaluated is an average of
the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_lite0.py",
    "../_base_/datasets/peanut.py",
    "../_base_/schedules/small_pretrained.py",
    "../_base_/runtime_foreground.py",
]

_base_.model.student.decode_head.num_classes = 3
model = dict(
    type="FixMatch",
    threshold=0.95,
    warmup=150,
    ramp=150,
)
train_dataloader = dict(dataset=dict(split="8"))
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
