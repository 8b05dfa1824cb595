# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, mitochondria, 2 labeled sections: a Dice term.

Adds one minus the Dice coefficient of the foreground, per image, to the labeled loss. In the
DiceLoss of MMSegmentation, `ignore_index` is the class to leave out. This is class 0, the
background: its coefficient would be near 1 from the start.
"""

_base_ = "../em_mito_2.py"

model = dict(
    student=dict(
        decode_head=dict(
            loss_decode=[
                dict(type="CrossEntropyLoss", avg_non_ignore=True),
                dict(type="DiceLoss", use_sigmoid=False, ignore_index=0),
            ]
        )
    )
)
