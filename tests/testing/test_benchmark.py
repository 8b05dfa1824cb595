# SPDX-License-Identifier: Apache-2.0
import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rankseg.testing import benchmark


def test_memory_is_that_of_the_work_alone():
    _, seconds, peak = benchmark.measured(lambda: np.ones(2**22))
    assert seconds > 0 and peak >= 0
    before, highest = benchmark.memory()
    assert 0 < before <= highest
    if Path("/proc/self/clear_refs").exists():
        assert 20 < peak < 120  # 32 MiB, and what else the process happens to do
        _, _, small = benchmark.measured(lambda: np.ones(2**10))
        assert small < 20


@pytest.mark.skipif(torch.cuda.is_available(), reason="counts the GPU's memory there")
def test_allocator_sees_what_is_held_at_once():
    def work():
        for _ in range(3):
            one = torch.ones(2**18)  # 1 MiB
            two = one * 2
            del one, two

    assert benchmark.allocated(work) == pytest.approx(2, abs=0.01)


def test_cases_take_turns():
    order = []
    cases = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    costs = benchmark.compare(cases, repeats=2, warmup=1, allocator=False)
    assert "".join(order) == "ababab"
    assert [len(cost.seconds) for cost in costs.values()] == [2, 2]
    assert [cost.result for cost in costs.values()] == [1, 2]
    assert costs["a"].allocator_mib is None


def test_difference_is_relative_to_the_largest_value():
    one, other = {"x": [torch.tensor([1.0, 0.0])]}, {"x": [torch.tensor([2.0, 0.1])]}
    assert benchmark.largest_difference(one, other) == pytest.approx(0.5)
    assert benchmark.largest_difference(other, other) == 0
    assert benchmark.largest_difference(torch.zeros(2), torch.zeros(2)) == 0


def test_table_and_report(tmp_path, capsys):
    cost = benchmark.Cost([1.0, 3.0, 2.0], [10.0, 12.0, 11.0], 5.0)
    line = benchmark.table({"ours": cost}, unit=1.0)
    assert "2.00 s (1.00 to 3.00)" in line and "11 MiB process" in line and "5.0 MiB torch" in line
    out = tmp_path / "new" / "x.json"
    parser = argparse.ArgumentParser()
    benchmark.add_common_arguments(parser, "x.json")
    args = parser.parse_args(["--out", str(out)])
    report = {"settings": vars(args), "machine": benchmark.machine(np), "cost": cost.summary()}
    benchmark.write_report(out, report)
    found = json.loads(out.read_text())
    assert found["cost"]["median_seconds"] == 2 and found["machine"]["threads"] >= 1
    assert found["machine"]["versions"]["numpy"] == np.__version__
    assert str(out) in capsys.readouterr().out
