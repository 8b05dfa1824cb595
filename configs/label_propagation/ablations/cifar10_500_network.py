# SPDX-License-Identifier: Apache-2.0
"""Label propagation with labels of the network, ConvNet-13, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/label_propagation/ablations/cifar10_500_network.py
Paper: error 35.17 +- 2.46 (Label propagation, Table 1).
Ours:  not run.
"""

_base_ = "../cifar10_500_convnet13.py"

_base_.custom_hooks[-1].update(labels_by="network")
