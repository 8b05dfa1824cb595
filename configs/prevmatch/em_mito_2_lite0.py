# SPDX-License-Identifier: Apache-2.0
"""PrevMatch, DeepLabv3+ on EfficientNet-Lite0, mitochondria, 2 labeled sections."""

_base_ = "../_base_/sets/em_mito_2_lite0.py"

model = dict(
    type="PrevMatch", interval=100, threshold=0.0, previous_threshold=0.0, warmup=400, ramp=400
)
