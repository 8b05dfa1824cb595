# SPDX-License-Identifier: Apache-2.0
_base_ = "../em_mito_2.py"
_base_.train_dataloader.dataset.labeled_pipeline[1].min_foreground = 0.02
