# SPDX-License-Identifier: Apache-2.0
"""100 passes of Adam in batches of 16 x 5 images; tested at the end.

Adam, its weight decay and 5 images of a class are chapter 4's (section 4.4.2). Learning rate and
batch are those of Multi-Similarity's released code; the length, for five clusterings, is ours.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=100, val_epochs=100)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=3e-5, weight_decay=5e-4))
param_scheduler = []
auto_scale_lr = dict(enable=False, base_batch_size=80)
