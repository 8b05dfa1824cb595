# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.engine.optim_wrapper import AutocastOptimWrapper
from rankseg.utils import bfloat16


@pytest.mark.parametrize("known", [True, False])
def test_forward_in_bfloat16_if_known_and_update_in_float32(known, monkeypatch):
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: known)
    model = torch.nn.Linear(4, 4)
    before = model.weight.detach().clone()
    wrapper = AutocastOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        out = model(torch.ones(2, 4))
    assert out.dtype == (torch.bfloat16 if known else torch.float32)
    wrapper.update_params(out.float().sum())
    assert model.weight.dtype == torch.float32
    torch.testing.assert_close(model.weight, before - 0.1 * 2, rtol=1e-3, atol=1e-3)
