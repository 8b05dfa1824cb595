# SPDX-License-Identifier: Apache-2.0
import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rankseg.export.onnx_operators import OPSET, register_operators

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


class Embeddings(nn.Module):
    """Resizes a grid to the size of an image, as position embeddings are resized."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.randn(1, 2, 9, 9))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.interpolate(self.grid, image.shape[2:], mode="bicubic", antialias=True)


@pytest.mark.filterwarnings("ignore")
def test_bicubic_resizing_equals_that_of_torch_to_the_border():
    torch.manual_seed(0)
    model, file = Embeddings(), io.BytesIO()
    register_operators()
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 5, 6),),
        file,
        dynamo=False,
        input_names=["image"],
        dynamic_axes={"image": {2: "height", 3: "width"}},
        opset_version=OPSET,
    )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for size in ((5, 6), (9, 9), (9, 8), (3, 17), (20, 4)):
        image = torch.zeros(1, 1, *size)
        (found,) = session.run(None, {"image": image.numpy()})
        expected = model(image).detach()
        torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=0)
