# SPDX-License-Identifier: Apache-2.0
_base_ = "../cub_googlenet.py"
model = dict(student=dict(decode_head=dict(channels=256)))
