# SPDX-License-Identifier: Apache-2.0
"""CMSF, ResNet-50, ImageNet, 10% (128,000) of the images labeled.

To fine-tune, run imagenet_10pct_finetune.py, then imagenet_10pct_finetune_again.py. For another
list, set `model.bank_size` to its length.
"""

_base_ = "./imagenet_10pct_semi_basic.py"

model = dict(
    classifier=dict(type="Projector", hidden_channels=1024, norm=True, normalize=False),
    bank_size=128_000,
    threshold=0.85,
    track_pseudo_labels=True,
)
custom_hooks = [*_base_.custom_hooks, dict(type="PseudoClassifierHook")]
