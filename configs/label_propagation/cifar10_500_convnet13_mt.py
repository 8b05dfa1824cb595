# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, ConvNet-13, CIFAR-10, 500 labelled images.

180 passes of Mean Teacher, then 180 with propagated labels as well.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="LabelPropagation",
    student=dict(
        decode_head=dict(
            branches=dict(
                consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True)
            )
        )
    ),
    ramp=4_950,  # 5 passes
    warmup=178_200,
    track_pseudo_labels=True,
    consistency_weight=100.0,
    consistency_tap="decode_head.branches.consistency",
    whole_batch=True,
    teacher=dict(momentum=0.03, warmup=True, buffers=False),
    predict_on="teacher",
    ramp_shape="sigmoid",
)
train_dataloader = dict(dataset=dict(split="500_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [178_200, 178_200]
train_cfg = dict(max_iters=356_400, val_interval=356_400)
