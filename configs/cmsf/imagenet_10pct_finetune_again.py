# SPDX-License-Identifier: Apache-2.0
"""CMSF, second fine-tuning, ResNet-50, ImageNet, 10% and the surest 30% of the images labelled.

FILE is the checkpoint of the first fine-tuning, which also writes the list:

    python tools/pseudo_label.py configs/cmsf/imagenet_10pct_finetune.py FILE \
        --share 0.3 --out splits/10pct_pseudo

20 passes over 474,000 images. The paper takes those above a threshold that it does not name,
"nearly 30%".
"""

_base_ = "./imagenet_10pct_finetune.py"

load_from = "work_dirs/cmsf/imagenet_10pct_finetune/iter_10000.pth"  # or --load-from FILE
train_dataloader = dict(dataset=dict(split="10pct_pseudo"))
train_cfg = dict(max_iters=20 * 1850, val_interval=20 * 1850)
