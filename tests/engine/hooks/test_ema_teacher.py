# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from mmengine.hooks import CheckpointHook

from rankseg.engine.hooks import EMATeacherHook


def test_updates_where_there_is_a_teacher():
    calls = []
    model = SimpleNamespace(teacher=object(), update_teacher=lambda: calls.append(1))
    hook = EMATeacherHook()
    hook.after_train_iter(SimpleNamespace(model=model), 0)
    assert calls == [1]
    model.teacher = None
    hook.after_train_iter(SimpleNamespace(model=model), 1)
    assert calls == [1]


def test_runs_before_checkpoints():
    order = {"NORMAL": 50, "VERY_LOW": 90}
    assert order[EMATeacherHook.priority] < order[CheckpointHook.priority]
