# SPDX-License-Identifier: Apache-2.0
import functools
import os

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import load_from_http

from rankseg.engine.resilience.checkpoint import load_checkpoint_file, mismatch_error


class Sneaky:
    """Reaches for a private attribute through what a log may do."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, "__init__")


class Harmful:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_must_not_run_code(tmp_path):
    trap, file = tmp_path / "trap", tmp_path / "model.pth"
    torch.save({"state_dict": {}, "extra": Harmful(trap)}, file)
    with pytest.raises(ValueError, match="model.pth .*would run code"):
        load_checkpoint_file(str(file))
    assert not trap.exists()


def test_logs_may_name_their_own_methods_only(tmp_path):
    file = tmp_path / "model.pth"
    torch.save({"log": HistoryBuffer([1.0], [1])}, file)
    assert load_checkpoint_file(str(file))["log"].mean() == 1
    torch.save({"log": Sneaky()}, file)
    with pytest.raises(ValueError, match="would run code"):
        load_checkpoint_file(str(file))


class Got:
    """What ``getattr`` gives when it is unpickled."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return getattr, self.arguments


@pytest.mark.parametrize(
    "owner",
    [np.ndarray, np.dtype, slice(1), HistoryBuffer([1.0], [1]), torch.zeros(1), {"mean": 1}],
    ids=lambda owner: type(owner).__name__,
)
def test_nothing_but_a_log_gives_its_methods_away(tmp_path, owner):
    """All of these may be in a checkpoint; `getattr` of them is how a chain to anything begins."""
    names = [name for name in dir(owner) if not name.startswith("_")]
    for name in (names[0], names[-1], "mean" if "mean" in names else names[1]):
        file = tmp_path / "model.pth"
        torch.save({"state_dict": {}, "x": Got(owner, name)}, file)
        with pytest.raises(ValueError, match="model.pth holds more than data"):
            load_checkpoint_file(str(file))


def test_downloaded_weights_are_read_as_data_too(tmp_path, monkeypatch):
    """By mmengine's own way for addresses of every kind; here one of a file."""
    trap, file = tmp_path / "trap", tmp_path / "far/model.pth"
    file.parent.mkdir()
    torch.save({"state_dict": {"a": torch.ones(2)}}, file)
    load = functools.partial(load_from_http, file.as_uri(), model_dir=str(tmp_path / "kept"))
    assert load(map_location="cpu")["state_dict"]["a"].tolist() == [1, 1]
    file.unlink()
    assert load()["state_dict"]["a"].tolist() == [1, 1], "kept from the first time"
    torch.save({"state_dict": {}, "extra": Harmful(trap)}, tmp_path / "kept/model.pth")
    with pytest.raises(ValueError, match="model.pth holds more than data"):
        load()
    assert not trap.exists()


def test_the_config_text_inside_is_left_out(tmp_path):
    # mmengine's resume executes it
    file = tmp_path / "model.pth"
    torch.save({"state_dict": {}, "meta": {"config": "import os", "iter": 3}}, file)
    assert load_checkpoint_file(str(file))["meta"] == {"iter": 3}


def test_damaged_and_missing(tmp_path):
    file = tmp_path / "half.pth"
    file.write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(ValueError, match="half.pth is damaged"):
        load_checkpoint_file(str(file))
    file.write_text("hello")
    with pytest.raises(ValueError, match="half.pth is damaged or not a checkpoint"):
        load_checkpoint_file(str(file))
    with pytest.raises(FileNotFoundError, match="no.pth does not exist"):
        load_checkpoint_file(str(tmp_path / "no.pth"))


def test_what_does_not_fit_is_named_in_short():
    model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(4)))
    state = {"0.weight": torch.zeros(3, 3), "foo": torch.zeros(1)}
    with pytest.raises(RuntimeError) as raised:
        model.load_state_dict(state)
    text = str(mismatch_error("a.pth", raised.value))
    assert "missing key(s) in state_dict: 0.bias, 1.weight, 1.bias and 4 more; " in text
    assert "unexpected key(s) in state_dict: foo; size mismatch for 0.weight: copying" in text
    assert text.endswith(". Use the config that it was trained with.") and "\n" not in text
