# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2, DeepLabv3+ on EfficientNet-Lite0, CamVid, 1/16 (23) of 367 images labeled."""

_base_ = "../_base_/sets/camvid_1_16_lite0.py"

model = dict(type="UniMatchV2", teacher=dict(warmup=True), threshold=0.0, warmup=400, ramp=400)
