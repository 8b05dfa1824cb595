# SPDX-License-Identifier: Apache-2.0
import logging
import sys
import types
import warnings

import pytest
from mmengine.logging import MMLogger, print_log

from rankseg.utils.terminal import current_terminal, notify, quiet_terminal


@pytest.fixture
def log(tmp_path):
    """Logger with a file, as a run has one."""
    return MMLogger.get_instance(tmp_path.name, log_file=str(tmp_path / "run.log"))


def library(name: str) -> types.ModuleType:
    """A function ``warn`` in a module of another package."""
    module = types.ModuleType(name)
    source = "def warn(logger, text):\n    logger.warning(text)\n"
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def test_shows_chosen_messages_and_warnings_only(log, tmp_path, capsys):
    with quiet_terminal() as terminal:
        terminal.attach(log)
        log.info("environment")
        notify("chosen")
        print_log("look at this", "current", logging.WARNING)
        print_log("look at this", "current", logging.WARNING)
        library("mmseg.models").warn(log, "nobody can act on it")
        library("my_own_loss").warn(log, "from the user's file")
        library("mmengine.x").warn(log, "deprecated")
        log.error("it failed")
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "chosen",
        "warning: look at this",
        "warning: from the user's file",
        "error: it failed",
    ]
    text = (tmp_path / "run.log").read_text()
    assert "environment" in text and "nobody can act on it" in text and "deprecated" in text


def test_log_file_gets_messages_from_before_it_existed(tmp_path):
    with quiet_terminal() as terminal:
        print_log("an early message", "current")
        late = MMLogger.get_instance(f"{tmp_path.name}_late", log_file=str(tmp_path / "late.log"))
        terminal.attach(late)
        late.info("a late message")
    lines = (tmp_path / "late.log").read_text().splitlines()
    assert [line.rpartition(" - ")[2] for line in lines] == ["an early message", "a late message"]


def test_verbose_changes_nothing_and_holds_inside(log):
    handlers = list(log.handlers)
    with quiet_terminal(verbose=True), quiet_terminal() as inner:
        assert inner is None and current_terminal() is None
        assert log.handlers == handlers and not log.handlers[0].filters[1:]


def test_restores_loggers_at_the_end(log):
    handlers = list(log.handlers)
    filters = list(handlers[0].filters)
    with pytest.raises(ZeroDivisionError), quiet_terminal() as terminal:
        terminal.attach(log)
        assert len(handlers[0].filters) > len(filters)
        1 / 0  # noqa: B018
    assert log.handlers == handlers and handlers[0].filters == filters
    assert current_terminal() is None


def test_warnings_of_packages_go_to_the_log(log, tmp_path):
    with warnings.catch_warnings(record=True) as shown, quiet_terminal() as terminal:
        warnings.simplefilter("always")
        terminal.attach(log)
        place = "/env/lib/site-packages/mmseg/models/losses/loss.py"
        warnings.warn_explicit("Default avg_non_ignore is False", UserWarning, place, 3)
        warnings.warn_explicit("divide by zero", RuntimeWarning, "/home/me/my_loss.py", 4)
    assert [str(one.message) for one in shown] == ["divide by zero"]
    assert "UserWarning of /env" in (tmp_path / "run.log").read_text()


def test_bar_only_on_a_terminal(monkeypatch, capsys):
    with quiet_terminal() as terminal:
        terminal.progress("training", 1, 2, "loss 0.5")
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with quiet_terminal() as terminal:
        terminal.progress("training", 1, 2, "loss 0.5")
        terminal.show("[bold]a line[/bold]")
    shown = capsys.readouterr().out
    assert "training" in shown and "loss 0.5" in shown and "[bold]a line[/bold]" in shown


def test_escapes_control_characters(capsys):
    with quiet_terminal() as terminal:
        terminal.show("folder \x1b[2J\nnext")
    assert capsys.readouterr().out == "folder \\x1b[2J\nnext\n"


def test_other_processes_show_errors_only(log, monkeypatch, capsys):
    with quiet_terminal() as terminal:  # before the processes know each other
        monkeypatch.setattr(
            sys.modules[quiet_terminal.__module__], "is_main_process", lambda: False
        )
        terminal.attach(log)
        terminal.show("a line")
        log.warning("a warning")
        log.error("an error")
    assert capsys.readouterr() == ("", "error: an error\n")
