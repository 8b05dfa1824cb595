# SPDX-License-Identifier: Apache-2.0
"""The half-width R-18 for mitochondria, tested with overlapping windows as large as the crops.

A third of each crop of 129 px is so close to the border that the network sees padding there. Whole
images look different, and a network trained on pseudo-labels of crops then predicts too much.
"""

_base_ = "./deeplabv3plus_r18_half.py"

model = dict(
    student=dict(
        decode_head=dict(num_classes=2),
        test_cfg=dict(mode="slide", crop_size=(129, 129), stride=(64, 64)),
    )
)
