# SPDX-License-Identifier: Apache-2.0
"""What CPS has beyond two students: its weight, and CutMix as in the released code.

A config takes these settings out of here and into its model with `**_base_.pop("cps")`.
"""

cps = dict(
    cross_weight=1.5,  # the paper, for VOC; the released config of VOC with CutMix has 1
    cutmix=dict(  # None: CPS without CutMix, where the labelled images take part too
        boxes=3,
        area=(0.25, 0.5),  # of the image, for the three together
        probability=1.0,
    ),
)
