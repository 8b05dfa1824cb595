# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL without pairs of different images, ResNet-18, Stanford Online Products."""

_base_ = "./sop_resnet18.py"

_base_.train_dataloader.dataset.labeled_pipeline[1].matches = None
