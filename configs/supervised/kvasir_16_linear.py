# SPDX-License-Identifier: Apache-2.0
"""Linear probe on frozen EfficientNet-Lite0, polyps, 16 of 800 images labeled."""

_base_ = "./kvasir_16.py"

head = _base_.model.student.decode_head
linear = dict(num_classes=head.num_classes, align_corners=True, loss_decode=head.loss_decode)
linear = dict(_delete_=True, type="LinearHead", **linear)
# The weights are those of TensorFlow. A frozen encoder needs its padding and its range of values.
encoder = dict(model="tf_efficientnet_lite0", frozen=True)
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    student=dict(
        backbone=encoder,
        decode_head=linear,
        # This padding shifts features between odd and even sizes. Whole images are even, crops odd.
        test_cfg=dict(_delete_=True, mode="slide", crop_size=(129, 129), stride=(64, 64)),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.01))
del encoder, head, linear
