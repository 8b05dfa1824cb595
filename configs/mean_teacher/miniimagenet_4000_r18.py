# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, ResNet-18, mini-ImageNet, 4,000 labeled images."""

_base_ = [
    "../_base_/models/resnet18_84.py",
    "../_base_/datasets/miniimagenet_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    student=dict(
        decode_head=dict(
            branches=dict(
                consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True)
            )
        )
    ),
    ramp=2_370,  # 5 passes
    track_pseudo_labels=True,
    consistency_tap="decode_head.branches.consistency",
    whole_batch=True,
    teacher=dict(momentum=0.03, warmup=True, buffers=False),
    predict_on="teacher",
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
_base_.param_scheduler[0].stages = [85_320]
train_cfg = dict(max_iters=85_320, val_interval=85_320)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
