# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from rankseg.engine.hooks import LogLengthHook


def test_the_latest_are_kept():
    hub = MessageHub("log length")
    hook = LogLengthHook(length=5)
    for value in range(20):
        hub.update_scalar("train/loss", float(value))
        hook.after_train_iter(SimpleNamespace(message_hub=hub), value)
    kept, counts = hub.get_scalar("train/loss").data
    assert kept.tolist() == [15, 16, 17, 18, 19] and len(counts) == 5
    assert hub.get_scalar("train/loss").mean(2) == 18.5
    assert hub.get_scalar("train/loss").mean(10) == 17  # of those there are


def test_length_of_none():
    with pytest.raises(ValueError, match="length of LogLengthHook to be 1 or more, but got 0"):
        LogLengthHook(length=0)
