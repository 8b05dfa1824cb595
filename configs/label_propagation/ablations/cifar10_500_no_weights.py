# SPDX-License-Identifier: Apache-2.0
"""Label propagation with class weights only, ConvNet-13, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/label_propagation/ablations/cifar10_500_no_weights.py
Paper: error 36.17 +- 1.98 (Label propagation, Table 1).
Ours:  not run.
"""

_base_ = "../cifar10_500_convnet13.py"

_base_.custom_hooks[-1].update(certainty=False)
