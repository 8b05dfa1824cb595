# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 500 clusters."""

_base_ = "../cub_googlenet.py"

_base_.custom_hooks[-1].clusters = 500
