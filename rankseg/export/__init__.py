# SPDX-License-Identifier: Apache-2.0
"""Export of trained networks: ONNX, plain MMSegmentation, released checkpoints."""
