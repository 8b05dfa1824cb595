# SPDX-License-Identifier: Apache-2.0
"""CCT, DeepLabv3+ R-50, Lucchi mitochondria, 10 labelled slices of 165.

Run:   python tools/train.py configs/cct/lucchi_10.py --data-root PATH
Paper: mitochondria IoU 85.4 (Table 9).
Ours:  not run.
"""

_base_ = "./lucchi_5.py"

train_dataloader = dict(dataset=dict(split="even_10_seed0"))
