# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_sup_top10.py"
model = dict(top_all=True)
