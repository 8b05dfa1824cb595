# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92.py"
_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 321
_base_.train_dataloader.dataset.unlabeled_pipeline[1].transforms[0].crop_size = 321
