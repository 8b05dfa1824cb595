# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, ResNet-50, ImageNet, 1,281,167 images, 200 passes.

Also mean transfer 77.4 (Table 2), linear from 1% / 10% of the labels 56.4 / 67.5 (Table 4), all of
which `tools/evaluate_features.py` measures.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_features.py",
]

model = dict(
    student=dict(
        decode_head=dict(
            branches=dict(
                projection=dict(
                    type="Projector",
                    hidden_channels=4096,
                    out_channels=512,
                    norm=True,
                    normalize=False,
                )
            )
        )
    ),
    num_images=1_281_167,
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=4096, norm=True, normalize=False),
    teacher=dict(momentum=0.01, buffers=False),
)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=0, unlabeled=256),
    dataset=dict(empty="labeled", unlabeled="", include_labeled=False),
)
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
custom_hooks = [*_base_.custom_hooks, dict(type="NeighbourPurityHook", interval=5004)]  # a pass
