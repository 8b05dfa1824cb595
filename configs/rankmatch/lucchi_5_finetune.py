# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, 5 of 165 Lucchi slices labeled, from a VOC checkpoint.

Starts from a checkpoint of the same network, for example of voc_1464.py. The classifier of 21
classes is replaced by a new one of 2, which has ten times the learning rate of the rest. Half the
iterations of lucchi_5.py are enough.
"""

_base_ = "./lucchi_5.py"

load_from = "data/pretrained/rankmatch_voc.pth"  # or --load-from FILE
model = dict(pretrained=None, warmup=3000, ramp=1000)
train_cfg = dict(max_iters=10000, val_interval=1000)
optim_wrapper = dict(
    optimizer=dict(lr=0.0001),
    paramwise_cfg=dict(
        custom_keys={"decode_head": dict(lr_mult=1.0), "decode_head.conv_seg": dict(lr_mult=10.0)}
    ),
)
