# SPDX-License-Identifier: Apache-2.0
"""LoRA and DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled."""

_base_ = "./kvasir_16.py"

# The weights are those of TensorFlow. A frozen encoder needs its padding and its range of values.
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    student=dict(
        backbone=dict(model="tf_efficientnet_lite0", lora=16),
        # This padding shifts features between odd and even sizes. Whole images are even, crops odd.
        test_cfg=dict(_delete_=True, mode="slide", crop_size=(129, 129), stride=(64, 64)),
    ),
)
# Adapters start at zero, so they learn as fast as the head.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=1.0)}))
