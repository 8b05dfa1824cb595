# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ R-50 for Cityscapes: 19 classes, loss on hard pixels, tested with a sliding window.

At least 15.6% of the pixels of each labeled image count, which is the share of the released code:
200,000 pixels in a process with two images.
"""

_base_ = "./deeplabv3plus_r50.py"

model = dict(
    student=dict(
        decode_head=dict(
            num_classes=19, loss_decode=dict(_delete_=True, type="OhemCrossEntropyLoss")
        ),
        test_cfg=dict(mode="slide", crop_size=(801, 801), stride=(534, 534)),
    )
)
