# SPDX-License-Identifier: Apache-2.0
"""Operators that torch's exporter to ONNX lacks."""

from typing import Any

import torch
from torch.onnx import symbolic_helper

OPSET = 18


def register_operators() -> None:
    """Teach torch's exporter the bicubic resizing with antialiasing of position embeddings."""
    torch.onnx.register_custom_op_symbolic("aten::_upsample_bicubic2d_aa", _resize_bicubic, OPSET)


def _resize_bicubic(
    g: Any, x: Any, size: Any, align_corners: Any, scale_h: Any = None, scale_w: Any = None
) -> Any:
    """Return the node of ``Resize`` that equals torch's, for any size of the image."""

    def numbers(*values: int) -> Any:
        return g.op("Constant", value_t=torch.tensor(values))

    first = g.op("Slice", g.op("Shape", x), numbers(0), numbers(2), numbers(0))
    if symbolic_helper._is_packed_list(size):
        sides = [g.op("Unsqueeze", side, numbers(0)) for side in symbolic_helper._unpack_list(size)]
    else:
        sides = [size]
    none = g.op("Constant", value_t=torch.tensor([], dtype=torch.float32))
    return g.op(
        "Resize",
        x,
        none,
        none,
        g.op("Concat", first, *sides, axis_i=0),
        antialias_i=1,
        coordinate_transformation_mode_s="half_pixel",
        cubic_coeff_a_f=-0.5,  # torch's coefficient with antialiasing
        exclude_outside_i=1,  # at the border, weights of torch are those inside, scaled to 1
        mode_s="cubic",
    )
