# SPDX-License-Identifier: Apache-2.0
import time

from rankseg.engine.runner import START_TIME, StrictRunner


def test_starts_in_one_second_have_different_times_in_order(monkeypatch):
    monkeypatch.setattr(StrictRunner, "_last_start", 0.0)  # runs of other tests may be ahead
    runner = StrictRunner.__new__(StrictRunner)
    runner._distributed = False
    names = []
    for _ in range(3):
        runner.setup_env({})
        names.append(runner.timestamp)
    assert len(set(names)) == 3 and names == sorted(names)
    last = time.mktime(time.strptime(names[-1], START_TIME))
    assert last - time.time() < 3, "no later than needed"
