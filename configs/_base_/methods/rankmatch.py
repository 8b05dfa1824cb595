# SPDX-License-Identifier: Apache-2.0
"""What RankMatch has beyond a threshold, as in the paper.

Only one `_base_` file may say `model = ...`, and that is the network's. A config therefore takes
these settings out of here and into its model with `**_base_.pop("rankmatch")`.

Compared is the output of ASPP, as in the paper. A network without ASPP compares what the classifier
of its head reads; `feature_tap` names another submodule.
"""

rankmatch = dict(
    feature_dropout=0.5,
    rank=dict(
        type="RankCorrelationLoss",
        num_agents=128,
        topk=4,
        selection="orthogonal",
        consistency="rank",
        reduction="element",
        loss_weight=0.1,
    ),
)
