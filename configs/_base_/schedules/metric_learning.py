# SPDX-License-Identifier: Apache-2.0
"""100 passes of Adam in batches of 16 x 5 images; tested at the end.

Adam, its weight decay and 5 images per class are those of chapter 4 (section 4.4.2), learning rate
and batch those of the released code of Multi-Similarity. We chose the length, for five clusterings.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=100, val_epochs=100)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=3e-5, weight_decay=5e-4))
param_scheduler = []
auto_scale_lr = dict(enable=False, base_batch_size=80)
