# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 64 numbers."""

_base_ = "../cub_googlenet.py"

model = dict(student=dict(decode_head=dict(channels=64)))
