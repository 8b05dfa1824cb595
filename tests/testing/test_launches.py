# SPDX-License-Identifier: Apache-2.0
import torch

from rankseg.testing.launches import count_launches


def test_views_and_empty_memory_are_free():
    x = torch.arange(6.0).view(2, 3)
    assert count_launches(lambda: x.T[0].unsqueeze(0).expand(4, -1).detach()) == {}
    assert count_launches(lambda: torch.empty(3).fill_(1)) == {"fill_": 1}


def test_the_backward_pass_counts():
    x = torch.ones(3, requires_grad=True)
    forward = count_launches(lambda: x.exp().sum())
    both = count_launches(lambda: x.exp().sum().backward())
    assert forward == {"exp": 1, "sum": 1}
    assert both["mul"] == 1 and both["exp"] == both["sum"] == 1
