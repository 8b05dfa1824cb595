# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2, DeepLabv3+ on EfficientNet-Lite0, mitochondria, 2 labeled sections."""

_base_ = "../_base_/sets/em_mito_2_lite0.py"

model = dict(type="UniMatchV2", teacher=dict(warmup=True), threshold=0.0, warmup=400, ramp=400)
