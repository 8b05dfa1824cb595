# SPDX-License-Identifier: Apache-2.0
"""CMSF, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled.

To fine-tune, run cifar10_mini_100_finetune.py, then cifar10_mini_100_finetune_again.py.
"""

_base_ = "./cifar10_mini_sup.py"

model = dict(
    classifier=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    bank_size=100,
    track_pseudo_labels=True,
)
train_dataloader = dict(
    # more labeled images would fill the memory with copies of 100 images
    sampler=dict(labeled=8, unlabeled=120, labeled_only=False),
    dataset=dict(split="100_seed0", empty=None, labeled=None),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "small_strong"
# Passes over 100 images have few steps: 100 of them, not 10, and a larger learning rate. Each round
# starts from random weights, as when the results were measured; the paper goes on learning.
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="PseudoClassifierHook", epochs=100, lr=0.1, restart=True),
]
