# SPDX-License-Identifier: Apache-2.0
import logging

import pytest
from mmengine.logging import MMLogger

from rankseg.utils import progress as module
from rankseg.utils.progress import Progress, track


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_prints_a_line_with_the_remaining_time_every_ten_seconds(clock, capsys):
    with Progress("working", 1000) as progress:
        progress.update(100)
        assert capsys.readouterr().err == ""
        clock[0] += 20
        progress.update(200)
        assert capsys.readouterr().err == "working: 200 of 1000, 80 s left\n"
        clock[0] += 5
        progress.update(300)
        assert capsys.readouterr().err == ""
        clock[0] += 6
        progress.update(500, "2 of 3 images")
        assert capsys.readouterr().err == "working: 2 of 3 images, 31 s left\n"
        clock[0] += 60
        progress.update(1000)
    assert capsys.readouterr() == ("", "")


def test_shows_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(track("ab", "reading")) == ["a", "b"]
    shown = capsys.readouterr().err
    assert "reading" in shown and "2 of 2" in shown


def test_writes_to_a_logger_without_a_bar(clock, monkeypatch, caplog, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    logger = MMLogger.get_instance("progress")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO):
        for _ in track(iter(range(3)), "reading", total=3, logger="progress"):
            clock[0] += 11
    assert [record.message for record in caplog.records] == [
        "reading: 1 of 3, 22 s left",
        "reading: 2 of 3, 11 s left",
    ]
    assert capsys.readouterr().err == ""


def test_shows_nothing_without_work(capsys):
    assert list(track([], "reading")) == []
    assert capsys.readouterr().err == ""


def test_closes_the_bar_when_the_loop_fails(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(ZeroDivisionError):
        for _ in track([1], "reading"):
            1 / 0  # noqa: B018
    assert list(track([1], "reading again")) == [1]
