# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labelled images, crops of 321 px.

Run:   python tools/train.py configs/unimatch/voc_92_crop321.py
Paper: mIoU not given for this crop, which is that of the released UniMatch.
Ours:  not run.
"""

_base_ = "./voc_92.py"

_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 321
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 321
