# SPDX-License-Identifier: Apache-2.0
"""RankMatch ablation, mitochondria, 2 labelled sections, half-width R-18: labelled crops chosen.

A labelled crop is drawn again, a few times at most, until 2% of it are mitochondria.
"""

_base_ = "../em_mito_2.py"

train_dataloader = _base_.train_dataloader
train_dataloader.dataset.labeled_pipeline[1].min_foreground = 0.02
