# SPDX-License-Identifier: Apache-2.0
_base_ = "./cub_googlenet_supervised.py"
model = dict(memory=None, teacher=None)
