# SPDX-License-Identifier: Apache-2.0
"""The schedule against one that is walked through."""

import pytest

from rankseg.selection.discovery import Discovery, Schedule


@pytest.mark.parametrize(("begin", "length", "sizes", "generations"), [
    (0, 1, (2,), 1), (5, 3, (2, 4), 3), (7, 1, (1.5, 2, 9), 2), (0, 4, (2, 4, 8, 16), 3),
])  # fmt: skip
def test_walk(begin, length, sizes, generations):
    schedule, latest = Schedule(begin, length, sizes, generations), None
    wanted = [(g, k) for g in range(generations) for k in range(len(sizes))]
    for done in range(begin + length * (len(wanted) + 2)):
        now = None
        if done >= begin and (done - begin) % length == 0 and wanted:
            now = latest = Discovery(*wanted.pop(0), done)
        assert (schedule.at(done), schedule.latest(done)) == (now, latest)
    assert latest.start == schedule.last


@pytest.mark.parametrize(
    "options",
    [dict(begin=-1), dict(length=0), dict(generations=0), dict(sizes=()), dict(sizes=(2, 2)),
     dict(sizes=(1, 2)), dict(sizes=(4, 2))],
)  # fmt: skip
def test_refused(options):
    with pytest.raises(ValueError, match="of DiscoveryHook to be"):
        Schedule(**{**dict(begin=1, length=1), **options})
