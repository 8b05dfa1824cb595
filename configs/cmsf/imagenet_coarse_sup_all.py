# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_coarse_sup_top10.py"
model = dict(top_all=True)
