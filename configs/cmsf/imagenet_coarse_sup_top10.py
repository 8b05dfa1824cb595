# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, ResNet-50, ImageNet, 1,281,167 images of 93 coarse classes, 10 neighbors.

data/imagenet/coarse.txt has one line `class group` per class. The paper's groups are parents in
WordNet and were not published. To evaluate the features on the fine classes, run
`tools/evaluate_features.py CONFIG CHECKPOINT --probe all --fine`.
"""

_base_ = "./imagenet_sup_top10.py"

model = dict(student=dict(decode_head=dict(num_classes=93)))
train_dataloader = dict(dataset=dict(dataset=dict(coarse="coarse.txt")))
val_dataloader = dict(dataset=dict(coarse="coarse.txt"))
