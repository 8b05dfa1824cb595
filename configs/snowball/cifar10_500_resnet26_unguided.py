# SPDX-License-Identifier: Apache-2.0
"""Self-training without teacher and master, ResNet-26, CIFAR-10, 500 labeled images.

Like the methods that the paper compares with, it discovers the most confident images.
"""

_base_ = "./cifar10_500_resnet26.py"

model = dict(
    consistency_weight=0.0,
    consistency_tap=None,
    teacher=None,
    master=None,
    predict_on="student",
    track_pseudo_labels=False,
)
train_dataloader = dict(batch_size=31, sampler=dict(labeled_only=True))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = None
_base_.custom_hooks[-1].update(network="student", select=dict(type="most_confident"))
