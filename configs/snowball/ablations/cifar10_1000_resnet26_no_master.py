# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher with discovery, ResNet-26, CIFAR-10, 1,000 labelled images.

Run:   python tools/train.py configs/snowball/ablations/cifar10_1000_resnet26_no_master.py
Paper: error 9.04 +- 0.25 (Snowball, Table 2.11).
Ours:  not run.
"""

_base_ = "../cifar10_1000_resnet26.py"

model = dict(master=None)
_base_.custom_hooks[-1].network = "teacher"
