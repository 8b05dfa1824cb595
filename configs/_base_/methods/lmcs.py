# SPDX-License-Identifier: Apache-2.0
"""LMCS on MixMatch, for training of 2^20 iterations.

A discovery doubles the labelled images, until there are ten times as many (R_L of section 3.3.4);
what is discovered stays (eq. 3.13). The paper publishes neither when that happens, nor how many
images are confined (`share`), nor how much ranks decide (`beta`), nor the weights of the master's
losses: these are ours. A config adds where networks are composed.
"""

_base_ = "./mixmatch.py"

_base_.mixmatch.update(
    type="LMCS",
    master_momentum=0.01,  # an average of 0.99, as published
    label_weight=1.0,
    consistency_weight=75.0,
    discriminative_weight=0.1,
    master_start=10_240,  # with the second step
)
lmcs = _base_.pop("mixmatch")
step = dict(type="CompositionHook", length=10_240)  # 10 epochs of 1,024 iterations
discovery = dict(
    type="DiscoveryHook",
    begin=2**18,
    length=2**17,
    sizes=(2, 4, 8, 10),
    generations=1,
    select=dict(type="critical_samples", rule="confined_maximum_entropy", share=0.2, beta=0.1),
    network="student",
)
