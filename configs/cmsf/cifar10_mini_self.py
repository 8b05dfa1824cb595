# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, WRN-10-2, a small CIFAR-10, 4,000 images."""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_features.py",
]

model = dict(
    student=dict(
        decode_head=dict(
            branches=dict(
                projection=dict(
                    type="Projector",
                    hidden_channels=256,
                    out_channels=128,
                    norm=True,
                    normalize=False,
                )
            )
        )
    ),
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    teacher=dict(momentum=0.01, buffers=False),
)
model.update(memory_size=2048, num_images=4000, teacher=dict(momentum=0.02, buffers=False))
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=0, unlabeled=128),
    dataset=dict(empty="labeled", unlabeled=""),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(
    weak="flip_crop", strong="small_strong"
)
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
custom_hooks = [*_base_.custom_hooks, dict(type="NeighbourPurityHook", interval=150)]
