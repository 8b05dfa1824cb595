# SPDX-License-Identifier: Apache-2.0
"""CMSF, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/cmsf/cifar10_mini_100_semi.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Fine-tuning: cifar10_mini_100_finetune.py, then _again. 100 images are few steps in 10 passes, so
the classifier for pseudo-labels has 100, and a larger learning rate.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.projection.projection.update(hidden_channels=256, out_channels=128)
_base_.cmsf.update(constraint="label", free_share=0.0, k=10, memory_size=2048)
_base_.cmsf.predictor.hidden_channels = 256
_base_.cmsf.teacher.momentum = 0.02
model = dict(
    student=dict(decode_head=dict(probe=True, branches=_base_.pop("projection"))),
    predict_on="teacher",
    classifier=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    bank_size=100,
    threshold=0.85,
    track_pseudo_labels=True,
    **_base_.pop("cmsf"),
)
train_dataloader = dict(
    sampler=dict(labeled=8, unlabeled=120),  # more would fill the memory with copies of 100 images
    dataset=dict(split="100_seed0", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "small_strong"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "small_strong"
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="PseudoClassifierHook", epochs=100, lr=0.1),
]
