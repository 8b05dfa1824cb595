# SPDX-License-Identifier: Apache-2.0
"""Weights: reading of checkpoint files, pretrained backbones and checks of the numbers."""
