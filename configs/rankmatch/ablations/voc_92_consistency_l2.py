# SPDX-License-Identifier: Apache-2.0
_base_ = "../voc_92.py"
model = dict(rank=dict(consistency="l2"))  # squared difference of correlations
