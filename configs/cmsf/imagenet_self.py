# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, ResNet-50, ImageNet, 1,281,167 images, 200 passes.

Run:   python tools/train.py configs/cmsf/imagenet_self.py
Paper: linear 73.0, 1-NN 63.2, 20-NN 66.4 (CMSF, Table 1).
Ours:  not run.

Also mean transfer 77.4 (Table 2), linear from 1% / 10% of the labels 56.4 / 67.5 (Table 4), all of
which `tools/evaluate_features.py` measures.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_features.py",
]

model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("projection"))),
    num_images=1_281_167,
    **_base_.pop("cmsf"),
)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=0, unlabeled=256),
    dataset=dict(empty="labeled", unlabeled="", include_labeled=False),
)
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
custom_hooks = [*_base_.custom_hooks, dict(type="NeighbourPurityHook", interval=5004)]  # a pass
