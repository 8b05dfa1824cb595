# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, SVHN, 100 labelled images.

Run:   python tools/train.py configs/mixmatch/svhn_100.py
Paper: error 3.87 +- 1.86 (LMCS, Table 3.5).
Ours:  not run.
"""

_base_ = "./svhn_250.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
