# SPDX-License-Identifier: Apache-2.0
"""CamVid, 1/16 (23) of 367 images labeled, DeepLabv3+ on EfficientNet-Lite0: all but the method.

The class weights are share^-0.5 of the labeled pixels (a share of at least 0.1%), scaled to a mean
of 1 over these pixels, by `tools/benchmarks/recipes.py weights`.
"""

_base_ = [
    "../models/deeplabv3plus_lite0.py",
    "../datasets/camvid_lite0.py",
    "../schedules/small_pretrained.py",
    "../default_runtime.py",
]

weights = [0.894, 0.823, 3.41, 0.628, 1.861, 1.121, 3.094, 7.994, 1.491, 5.533, 10.147]
model = dict(
    student=dict(
        decode_head=dict(
            num_classes=11,
            loss_decode=dict(class_weight=weights),
        ),
    )
)
train_dataloader = dict(dataset=dict(split="1_16"))
del weights
