# SPDX-License-Identifier: Apache-2.0
"""RankMatch, SegFormer-B0, CamVid, 1/16 (23) of 367 images labeled.

Crops are a multiple of the stride 32. The rank loss compares the features that the classifier of
the head reads, at stride 4. The settings are those of camvid_1_16.py, not tuned for this network,
with a lower learning rate.
"""

_base_ = [
    "../_base_/models/segformer_b0_street.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small_long.py",
    "../_base_/default_runtime.py",
]

_base_.train_dataloader.dataset.labeled_pipeline[1].crop_size = 128
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 128
model = dict(
    type="RankMatch",
    threshold=0.0,
    warmup=1500,
    ramp=500,
    rank=dict(num_agents=32),  # crops are small
)
train_dataloader = dict(dataset=dict(split="1_16"))
optim_wrapper = dict(optimizer=dict(lr=0.0003))
