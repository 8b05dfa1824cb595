# SPDX-License-Identifier: Apache-2.0
_base_ = "../cub_googlenet.py"
_base_.custom_hooks[-1].clusters = 500
