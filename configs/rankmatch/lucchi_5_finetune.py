# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, Lucchi mitochondria, 5 labelled slices of 165, from a VOC
checkpoint.

FILE is a checkpoint of the same network trained on PASCAL VOC, for example by
configs/rankmatch/voc_1464.py. Its classifier of 21 classes is made anew for 2, all else is taken.
Learning rates: 0.001 for the classifier, which begins at random, and a tenth of that for backbone
and head, which have been trained; half the iterations of lucchi_5.py do.
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
