# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2, DPT on DINOv2-S, Cityscapes, 1/16 (186) of 2,975 images labeled."""

_base_ = [
    "../_base_/models/dpt_dinov2_s.py",
    "../_base_/datasets/cityscapes_798.py",
    "../_base_/schedules/dinov2_cityscapes.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="UniMatchV2",
    student=dict(
        decode_head=dict(
            num_classes=19,
            loss_decode=dict(_delete_=True, type="OhemCrossEntropyLoss", threshold=0.7),
        ),
        test_cfg=dict(mode="slide", crop_size=(798, 798), stride=(532, 532)),
    ),
)
train_dataloader = dict(dataset=dict(split="1_16"))
