# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL without pairs of different images, GoogLeNet, Stanford Online Products."""

_base_ = "./sop_googlenet.py"

_base_.train_dataloader.dataset.labeled_pipeline[1].matches = None
