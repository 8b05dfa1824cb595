# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled.

After a warm-up, the average of the weights labels every pixel, over image and mirror image.
One strong view in one pass leaves out the perturbed features, at half the time.
"""

_base_ = "../_base_/sets/peanut_8.py"

model = dict(
    type="RankMatch",
    teacher=dict(warmup=True),
    labels_from="teacher",
    flip_labels=True,
    single_pass=True,
    threshold=0.0,
    warmup=400,
    ramp=200,
    strong_views=1,
    strong_weight=1.0,
    rank=dict(num_agents=32),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
