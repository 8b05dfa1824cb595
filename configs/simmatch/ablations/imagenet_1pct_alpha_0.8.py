# SPDX-License-Identifier: Apache-2.0
_base_ = "../imagenet_1pct_100ep.py"
model = dict(smoothing=0.8)
