# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled."""

_base_ = "../_base_/sets/peanut_8.py"

model = dict(type="UniMatchV2", teacher=dict(warmup=True), threshold=0.0, warmup=400, ramp=400)
