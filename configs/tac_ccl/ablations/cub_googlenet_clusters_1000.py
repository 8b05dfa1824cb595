# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL, GoogLeNet, CUB-200-2011, 1,000 clusters.

Run:   python tools/train.py configs/tac_ccl/ablations/cub_googlenet_clusters_1000.py
Paper: a curve of Figure 4.5 (a).
Ours:  not run.
"""

_base_ = "../cub_googlenet.py"

_base_.custom_hooks[-1].clusters = 1000
