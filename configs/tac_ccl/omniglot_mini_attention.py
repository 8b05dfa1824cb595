# SPDX-License-Identifier: Apache-2.0
_base_ = "./omniglot_mini_ccl.py"
model = dict(clustering_weight=0.0)  # only the module, none of the losses
