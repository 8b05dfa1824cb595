# SPDX-License-Identifier: Apache-2.0
"""Prototypical network (ProtoNW), WRN-10-2, a small CIFAR-10, 4,000 images."""

_base_ = "./cifar10_mini_sup.py"

model = dict(type="ProtoNet", predictor=None, temperature=0.1)
