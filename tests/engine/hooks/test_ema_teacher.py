# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from mmengine.hooks import CheckpointHook

from rankseg.engine.hooks import EMATeacherHook


def test_updates_where_there_is_a_teacher():
    calls = []
    model = SimpleNamespace(teacher=object(), update_teacher=lambda: calls.append(1))
    hook = EMATeacherHook()
    said = {}
    runner = SimpleNamespace(model=model, message_hub=SimpleNamespace(get_info=said.get))
    hook.after_train_iter(runner, 0)
    assert calls == [1]
    said["step_skipped"] = True
    hook.after_train_iter(runner, 1)
    said["step_skipped"] = False
    model.teacher = None
    hook.after_train_iter(runner, 2)
    assert calls == [1]


def test_runs_before_checkpoints():
    order = {"NORMAL": 50, "VERY_LOW": 90}
    assert order[EMATeacherHook.priority] < order[CheckpointHook.priority]
