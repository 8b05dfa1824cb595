# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.inference import prediction_progress as module
from rankseg.inference.prediction_progress import Progress


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_in_a_log_say_how_long_it_will_take(clock, capsys):
    progress = Progress()
    with progress.over(1000, 3):
        progress.advance(100)
        assert capsys.readouterr().err == ""
        clock[0] += 20
        progress.done(200)
        assert capsys.readouterr().err == "predicted 1/3 images, 20%, 80 s left\n"
        clock[0] += 5
        progress.advance(100)
        assert capsys.readouterr().err == ""
        clock[0] += 6
        progress.done(300)  # an image that failed counts as a whole
        assert capsys.readouterr().err == "predicted 2/3 images, 50%, 31 s left\n"
        clock[0] += 60
        progress.done(500)
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress()
    with progress.over(1000, 2):
        progress.done(400)
        progress.advance(600)
        progress.done(600)
    assert "2/2 images" in capsys.readouterr().err


def test_nothing_to_do_shows_nothing(capsys):
    with Progress().over(0, 0):
        pass
    assert capsys.readouterr().err == ""
