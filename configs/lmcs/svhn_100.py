# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, SVHN, 100 labelled images.

Run:   python tools/train.py configs/lmcs/svhn_100.py
Paper: error 3.51 +- 0.09 (LMCS, Table 3.5).
Ours:  not run.
"""

_base_ = "./svhn_250.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
