# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled."""

_base_ = "./cifar10_mini_100.py"

_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
model = dict(
    student=dict(
        decode_head=dict(
            branches=dict(
                consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True)
            )
        )
    ),
    ramp=1000,
    consistency_weight=30.0,
    consistency_tap="decode_head.branches.consistency",
    teacher=dict(warmup=True, buffers=False),
    ramp_shape="sigmoid",
)
