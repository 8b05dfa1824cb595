# SPDX-License-Identifier: Apache-2.0
"""CMSF, second fine-tuning, a small CIFAR-10, 100 labels and the most confident 30% of the images.

FILE is the checkpoint of the first fine-tuning. It also writes the list:

    python tools/pseudo_label.py configs/cmsf/cifar10_mini_100_finetune.py FILE --data-root PATH \
        --share 0.3 --out splits/100_seed0_pseudo
"""

_base_ = "./cifar10_mini_100_finetune.py"

load_from = "work_dirs/cmsf/cifar10_mini_100_finetune/iter_400.pth"  # or --load-from FILE
train_dataloader = dict(dataset=dict(split="100_seed0_pseudo"))
train_cfg = dict(max_iters=800, val_interval=800)  # 20 passes over 1,270 images
