# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 256 numbers."""

_base_ = "../cub_googlenet.py"

model = dict(student=dict(decode_head=dict(channels=256)))
