# SPDX-License-Identifier: Apache-2.0
"""Spatial assembly (SAN) in a network from random weights, whose learning rate is larger.

On two of five training alphabets of a small Omniglot, held back, with the learning rate of the
other layers (1e-3) and their weight decay no feature had its largest weight elsewhere in the end,
with 5 times that and without decay 75% had (docs/results.md).
"""

_base_ = "./spatial_assembly.py"

_base_.assembly_rate.custom_keys.inserted.lr_mult = 5.0
