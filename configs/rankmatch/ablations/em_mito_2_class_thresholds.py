# SPDX-License-Identifier: Apache-2.0
_base_ = "../em_mito_2.py"
model = dict(threshold=(0.95, 0.8))  # background, mitochondria
