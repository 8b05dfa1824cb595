# SPDX-License-Identifier: Apache-2.0
"""200 passes of Adam in batches of 16 x 5 images; tested at the end.

Chapter 4 names Adam, its weight decay and 5 images of a class in a batch. Length, learning rate and
number of classes in a batch are not published.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=200, val_epochs=200)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=1e-5, weight_decay=5e-4),
)
param_scheduler = []
auto_scale_lr = dict(enable=False, base_batch_size=80)
