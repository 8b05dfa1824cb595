# SPDX-License-Identifier: Apache-2.0
"""PrevMatch, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled."""

_base_ = "../_base_/sets/kvasir_16.py"

model = dict(
    type="PrevMatch", interval=100, threshold=0.0, previous_threshold=0.0, warmup=400, ramp=400
)
