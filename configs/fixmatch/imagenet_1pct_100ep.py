# SPDX-License-Identifier: Apache-2.0
"""FixMatch, ResNet-50, ImageNet, 1% (13,000) of the images labeled, 100 passes.

The curve of Figure 4 of SimMatch. The paper states no settings of this run, so they are those of
its SimMatch: batches, schedule, threshold and weight of the unlabeled term.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/simmatch_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="FixMatch",
    mix_source=None,
    average_losses=False,
    threshold=0.7,
    strong_weight=10.0,
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="1pct", include_labeled=False))
train_cfg = dict(max_epochs=100, val_epochs=100)
