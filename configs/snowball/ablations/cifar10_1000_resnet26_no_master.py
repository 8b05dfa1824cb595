# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_1000_resnet26.py"
model = dict(master=None)  # Mean Teacher with discovery
_base_.custom_hooks[-1].network = "teacher"
