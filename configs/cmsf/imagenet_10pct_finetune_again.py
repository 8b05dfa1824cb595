# SPDX-License-Identifier: Apache-2.0
"""CMSF, second fine-tuning, ImageNet, 10% labeled and the most confident 30% of the images.

FILE is the checkpoint of the first fine-tuning. It also writes the list:

    python tools/pseudo_label.py configs/cmsf/imagenet_10pct_finetune.py FILE \
        --share 0.3 --out splits/10pct_pseudo

The paper uses the images above a threshold that it does not state, "nearly 30%".
"""

_base_ = "./imagenet_10pct_finetune.py"

model = dict(pretrained=None)
load_from = "work_dirs/cmsf/imagenet_10pct_finetune/iter_10000.pth"  # or --load-from FILE
train_dataloader = dict(dataset=dict(split="10pct_pseudo"))
param_scheduler = [dict(type="MultiStepLR", by_epoch=False, milestones=[15 * 1850], gamma=0.1)]
train_cfg = dict(max_iters=20 * 1850, val_interval=20 * 1850)  # 20 passes over 474,000 images
