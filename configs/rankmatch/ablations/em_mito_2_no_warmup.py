# SPDX-License-Identifier: Apache-2.0
_base_ = "../em_mito_2.py"
model = dict(warmup=0, ramp=0)
