# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet100_sup_top10_noise0.py"
model = dict(top_all=True)
