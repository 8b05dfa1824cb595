# SPDX-License-Identifier: Apache-2.0
import logging

import pytest

from rankseg.engine.hooks.suppress_and_log import SuppressAndLog


def test_a_failure_is_logged_once_and_what_ends_the_process_passes(caplog):
    harmless = SuppressAndLog("a.png")
    for error in (ValueError("no\nroom"), OSError("later")):
        with harmless(logging.getLogger("test")):
            raise error
    (record,) = caplog.records
    assert record.message.endswith("(ValueError: no). Training continues.")
    with pytest.raises(KeyboardInterrupt), harmless(logging.getLogger("test")):
        raise KeyboardInterrupt
