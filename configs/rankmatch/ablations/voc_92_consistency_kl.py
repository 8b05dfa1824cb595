# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92_correlation.py"
