# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 64 numbers.

Run:   python tools/train.py configs/tac_ccl/ablations/cub_googlenet_embedding_64.py
Paper: a curve of Figure 4.5 (b).
Ours:  not run.
"""

_base_ = "../cub_googlenet.py"

model = dict(student=dict(decode_head=dict(channels=64)))
