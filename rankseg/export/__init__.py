# SPDX-License-Identifier: Apache-2.0
"""Export a trained network: ONNX, plain MMSegmentation, released checkpoints."""
