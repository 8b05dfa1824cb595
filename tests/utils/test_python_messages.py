# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg import apis
from rankseg.errors import RunEnded
from rankseg.training.command_line import exit_on_user_error
from rankseg.utils.python_messages import in_python, on_command_line, speaks_python


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Set another --work-dir.", "Set another work_dir."),
        ("add --overwrite to remove them", "add overwrite=True to remove them"),
        ("with --cfg-options model.k=(1,2).", "with options={'model.k': (1,2)}."),
        ("Set these with --cfg-options", "Set these with options"),
        ("Add --resume to continue it", "Add apis.resume_from_latest(cfg) to continue it"),
        ("run python tools/train.py a.py --tiny", "run python tools/train.py a.py --tiny"),
        (
            "(`tools/x.py A --data-root B`), or --amp",
            "(`tools/x.py A --data-root B`), or apis.use_amp(cfg)",
        ),
        ("a--b is -- not --", "a--b is -- not --"),
    ],
)
def test_options_become_arguments(text, expected):
    assert in_python(text) == expected


@pytest.mark.parametrize("kind", [ValueError, FileNotFoundError, RunEnded])
def test_functions_raise_the_same_error_in_python_words(kind):
    @speaks_python
    def fail(*args):
        raise kind(*args)

    with pytest.raises(kind, match="^set out$"):
        fail("set --out")
    with pytest.raises(kind) as error:
        fail(2, "set --out")  # errno and text of the system
    assert error.value.args == (2, "set --out")
    with on_command_line(), pytest.raises(kind, match="^set --out$"):
        fail("set --out")
    with pytest.raises(kind, match="^set out$"):  # as before
        fail("set --out")


def test_tools_keep_their_options(tmp_path, capsys):
    options = {"train_dataloader.dataset.split": "x"}
    with pytest.raises(ValueError, match="for split 16.* with options$"):
        apis.load_config("configs/rankmatch/em_mito_2.py", split="16", options=options)
    with pytest.raises(SystemExit), exit_on_user_error():
        apis.load_config("configs/rankmatch/em_mito_2.py", split="16", options=options)
    assert "for --split 16" in capsys.readouterr().err
