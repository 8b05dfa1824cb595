# SPDX-License-Identifier: Apache-2.0
"""bfloat16 is used where a device computes in it, and is not where it is emulated."""

import pytest
import torch

from rankseg.utils import bfloat16
from rankseg.utils.bfloat16 import has_bfloat16, why_float32


@pytest.mark.parametrize("answer", [True, False])
def test_asks_torch_about_processor_and_gpu(answer, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: answer)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: answer)
    emulates = not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    has = has_bfloat16.__wrapped__  # without its cache
    assert has("cpu") == (answer and not emulates)
    assert has("cuda") == answer
    assert has("mps")


@pytest.mark.parametrize("known", [True, False])
def test_says_why(known, monkeypatch):
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: known)
    for device, name in (("cpu", "processor"), ("cuda", "GPU")):
        sentence = why_float32(device)
        assert (sentence is None) == known
        assert known or sentence.startswith(f"This {name} does not compute in bfloat16")
