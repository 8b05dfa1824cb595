# SPDX-License-Identifier: Apache-2.0
_base_ = "../cifar10_500_convnet13.py"
_base_.custom_hooks[-1].update(labels_by="transduction")  # a game on the same graph (GTG)
