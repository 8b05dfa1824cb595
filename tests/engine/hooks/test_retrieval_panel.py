# SPDX-License-Identifier: Apache-2.0
from rankseg.registry import HOOKS


def test_accepts_the_old_name_of_neighbors():
    assert HOOKS.build(dict(type="RetrievalPanelHook", neighbours=3)).neighbors == 3
    assert HOOKS.build(dict(type="RetrievalPanelHook", neighbors=4)).neighbors == 4
