# SPDX-License-Identifier: Apache-2.0
"""Proxy-Anchor with labels, BN-Inception, CUB-200-2011.

The settings are those of the released code of Proxy-Anchor (CVPR 2020). Its first pass trains only
the proxies and the embedding. Ours trains everything from the start.
"""

_base_ = [
    "../_base_/models/bn_inception_embedding.py",
    "../_base_/datasets/cub_labels.py",
    "../_base_/schedules/proxy_anchor.py",
    "../_base_/runtime_retrieval.py",
]

model = dict(
    type="MetricLearning",
    student=dict(decode_head=dict(pool="avg+max")),
    metric_loss=dict(type="ProxyAnchorLoss", num_classes=100, embedding_size=512),
)
cut = dict(type="RandomResizedCrop", size=(224, 224), scale=(0.08, 1), area_for_downscale="image")
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = [cut, dict(type="HorizontalFlip", p=0.5)]
del cut
_base_.val_dataloader.dataset.pipeline[1] = dict(type="ResizeCenter", size=224)
train_dataloader = dict(
    batch_size=180,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=180, unlabeled=1, labeled_only=True),
)
