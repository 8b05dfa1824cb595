# SPDX-License-Identifier: Apache-2.0
"""SAN without labels, GoogLeNet, CUB-200-2011, embeddings of 128, the optimizer of the text.

Adam with a weight decay of 5e-4 for all parameters, as section 5.4.2 states for all
experiments. The module learns as fast as the rest of the network.
"""

_base_ = "./cub_googlenet_128.py"

optim_wrapper = dict(paramwise_cfg=None)
