# SPDX-License-Identifier: Apache-2.0
"""A run in which one iteration goes wrong, in every way and with every kind of state."""

import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from rankseg.engine.hooks import NonFiniteHook
from rankseg.engine.resilience.non_finite import COUNTS, not_finite, paths_of
from rankseg.registry import MODELS, OPTIM_WRAPPERS
from rankseg.testing.processes import run_processes
from rankseg.testing.toy import toy_batch, toy_class_batch, toy_classifier, toy_student

BAD = 3  # the iteration, from 0, that goes wrong
OPTIONS = {
    "RankMatch": dict(rank=dict(num_agents=6), threshold=0.4, track_pseudo_labels=True),
    "SimMatch": dict(bank_size=8, threshold=0.4, track_pseudo_labels=True, labels_from="teacher"),
}


def poison(method, how, inputs, samples, loss):
    """What may go wrong, at the iteration that does."""
    if MessageHub.get_current_instance().get_info("iter") not in method.bad:
        return loss(inputs, samples)
    if how == "image":
        inputs = {view: image * float("inf") for view, image in inputs.items()}
    losses = loss(inputs, samples)
    if how == "term":
        losses["loss_x"] = losses["loss_x"] * float("nan")
    elif how == "constant":  # no gradient comes from it: all gradients are finite
        losses["loss_more"] = torch.tensor(float("inf"))
    elif how == "gradient":  # the loss is finite: it is zero, its derivative is 0 * inf
        losses["loss_more"] = (0 * next(method.student.parameters()).sum()).sqrt()
    return losses


class Watch(Hook):
    """Keeps what there was before and after every iteration."""

    priority = "VERY_LOW"

    def __init__(self):
        self.before, self.after, self.skipped = [], [], []

    def state(self, runner):
        return cloned([runner.model.state_dict(), runner.optim_wrapper.state_dict()["state"]])

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.before.append(self.state(runner))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.after.append(self.state(runner))
        self.skipped.append(runner.message_hub.get_info("step_skipped"))


def cloned(tree):
    """A copy of a tree of tensors, in a tenth of the time of ``copy.deepcopy``."""
    if isinstance(tree, torch.Tensor):
        return tree.clone()
    if isinstance(tree, dict):
        return {key: cloned(value) for key, value in tree.items()}
    return list(map(cloned, tree)) if isinstance(tree, list) else tree


def same(one, other) -> bool:
    """Whether two trees of tensors are equal to the bit; NaN is equal to nothing."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.fixture
def run(tmp_path):
    """``run("RankMatch", how="term")``: six iterations, and what was seen of them."""
    init_default_scope("rankseg")

    def make(name="RankMatch", how="term", bad=(BAD,), iters=5, wrapper=None, guarded=True):
        torch.manual_seed(0)
        student = toy_classifier() if name == "SimMatch" else toy_student()
        method = MODELS.build(
            dict(
                type=name,
                student=student,
                data_preprocessor=dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3),
                teacher=dict(momentum=0.1),
                **OPTIONS[name],
            )
        )
        method.bad = bad
        loss = method.loss
        method.loss = lambda inputs, samples: poison(method, how, inputs, samples, loss)
        batches = [toy_class_batch if name == "SimMatch" else toy_batch for _ in range(iters)]
        batches = [dict(zip(("inputs", "data_samples"), one(), strict=True)) for one in batches]
        for i, batch in enumerate(batches):
            for view, samples in batch["data_samples"].items():
                for j, sample in enumerate(samples):
                    sample.set_metainfo({"img_path": f"{view}_{i}_{j}.png"})
        watch = Watch()
        guard = dict(non_finite=dict(type="NonFiniteHook")) if guarded else {}
        runner = Runner(
            model=method,
            work_dir=str(tmp_path / f"{name}_{how}"),
            train_dataloader=DataLoader(batches, collate_fn=lambda some: some[0]),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=iters),
            optim_wrapper=wrapper
            or dict(
                type="OptimWrapper",
                optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=0.01),
            ),
            default_hooks=dict(checkpoint=None, logger=None, **guard),
            custom_hooks=[dict(type="StepSeedHook"), dict(type="EMATeacherHook"), watch],
            default_scope="rankseg",
            randomness=dict(seed=0),
            experiment_name=f"{tmp_path.name}_{name}_{how}",
            log_level="WARNING",
        )
        said = []
        runner.logger.warning = lambda text, *args: said.append(text)
        runner.train()
        return runner, watch, said

    return make


def check_skipped(watch, bad=(BAD,)):
    """Bad iterations changed nothing, all others something of every kind."""
    for i, (before, after) in enumerate(zip(watch.before, watch.after, strict=True)):
        assert same(before, after) == (i in bad), i
        assert watch.skipped[i] == (i in bad)
    assert all(value.isfinite().all() for value in watch.after[-1][0].values())


@pytest.mark.parametrize("how", ["term", "constant", "gradient", "image"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_bad_step_leaves_no_trace(run, name, how):
    runner, watch, said = run(name, how)
    check_skipped(watch)
    text = [line for line in said if ": step skipped" in line]
    assert len(text) == 1 and text[0].startswith(f"iteration {BAD + 1}: step skipped, ")
    assert f"labeled_{BAD}_0.png" in text[0] and f"weak_{BAD}_1.png" in text[0]
    assert "labeled_2_0.png" not in text[0] and "(1 in a row, 1 in this run)" in text[0]
    wanted = {
        "term": "loss_x = nan",
        "constant": "loss_more = inf",
        "gradient": "the loss is finite and its gradient is not",
        "image": "loss_x = nan",
    }
    assert wanted[how] in text[0]
    assert runner.message_hub.get_info(COUNTS) == [0, 1]


def test_the_very_first_step_may_be_bad(run):
    # no optimizer state yet, no running statistics, a teacher that never moved
    _, watch, _ = run(bad=(0,), iters=3)
    check_skipped(watch, bad=(0,))
    assert watch.after[0][1] == {}


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD"])
@pytest.mark.parametrize("clip", [dict(max_norm=0.5), dict(type="value", clip_value=0.1), None])
def test_with_clipping_and_other_optimizers(run, optimizer, clip):
    optimizer = dict(type=optimizer, lr=1e-3, weight_decay=0.1, fused=clip is None)
    wrapper = dict(type="OptimWrapper", optimizer=optimizer, clip_grad=clip)
    _, watch, _ = run(how="image", wrapper=wrapper)
    check_skipped(watch)


@pytest.mark.parametrize("how", ["gradient", "constant"])
@pytest.mark.parametrize("bad", [0, 3])
@pytest.mark.parametrize("optimizer", ["AdamW", "SGD"])
def test_the_fused_optimizer_asks_the_flag_itself(run, monkeypatch, optimizer, bad, how):
    # as on a GPU; torch's fused optimizers read the flag on a CPU, too
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    calls, cls = [], getattr(torch.optim, optimizer)
    clear = cls.zero_grad
    monkeypatch.setattr(cls, "zero_grad", lambda self, *a, **k: (calls.append(1), clear(self)))
    options = dict(momentum=0.9) if optimizer == "SGD" else {}
    optimizer = dict(type=optimizer, lr=1e-3, weight_decay=0.1, fused=True, **options)
    _, watch, _ = run(how=how, wrapper=dict(type="OptimWrapper", optimizer=optimizer), bad=(bad,))
    check_skipped(watch, bad=(bad,))
    assert len(calls) == 5 + (bad == 0)  # mmengine's, and in the first step the hook's


def test_the_host_decides_once_also_without_a_state(run, monkeypatch):
    # SGD without momentum keeps nothing: optimizer.state stays empty
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    asked, decides = [], NonFiniteHook._device_decides
    monkeypatch.setattr(
        NonFiniteHook, "_device_decides", lambda *a: asked.append(decides(*a)) or asked[-1]
    )
    optimizer = dict(type="SGD", lr=0.01, fused=True)
    wrapper = dict(type="OptimWrapper", optimizer=optimizer)
    _, watch, _ = run(wrapper=wrapper, bad=(0, 3))
    check_skipped(watch, bad=(0, 3))
    assert asked == [False, False, True, True, True]  # the first step is skipped, too


@pytest.mark.parametrize("how", ["term", "constant"])
def test_autocast(run, how):
    wrapper = dict(type="AutocastOptimWrapper", optimizer=dict(type="SGD", lr=0.01, momentum=0.9))
    _, watch, _ = run(how=how, wrapper=wrapper)
    check_skipped(watch)


def test_a_wrapper_of_ones_own(run):
    @OPTIM_WRAPPERS.register_module(force=True)
    class Own(OptimWrapper):
        def update_params(self, loss, **kwargs):
            self.optimizer.zero_grad()
            (2 * loss).backward()
            self._inner_count += 1
            self.optimizer.step()

    wrapper = dict(type="Own", optimizer=dict(type="SGD", lr=0.01, momentum=0.9))
    _, watch, _ = run(how="gradient", wrapper=wrapper)
    check_skipped(watch)


@pytest.mark.parametrize("how", ["term", "constant"])
@pytest.mark.parametrize("bad", [2, 3])
def test_accumulation_skips_the_step_of_all_that_was_added_up(run, how, bad):
    wrapper = dict(
        type="OptimWrapper",
        optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=0.01),
        accumulative_counts=2,
    )
    runner, watch, said = run(how=how, wrapper=wrapper, bad=(bad,), iters=6)
    # nothing that either iteration has written is left after the bad one
    names = names_of_buffers(runner)
    kept = [{k: v for k, v in watch.before[2][0].items() if k in names}]
    for i in range(bad, 4):
        assert same(kept, [{k: v for k, v in watch.after[i][0].items() if k in names}]), i
    assert watch.skipped == [2 <= bad <= i <= 3 for i in range(6)]
    if bad == 2:
        assert same(watch.before[2], watch.after[3])  # the teacher as well
    names = names_of_parameters(runner)
    weights = [
        torch.cat([v.flatten() for k, v in after[0].items() if k in names]) for after in watch.after
    ]
    moved = [not torch.equal(a, b) for a, b in zip(weights[:-1], weights[1:], strict=True)]
    assert moved == [True, False, False, False, True]  # after 2 and 6 iterations, not after 4
    assert all(value.isfinite().all() for value in watch.after[-1][0].values())
    assert runner.message_hub.get_info(COUNTS) == [0, 1]
    (text,) = [line for line in said if ": step skipped" in line]
    term = "loss_x = nan" if how == "term" else "loss_more = inf"
    assert text.startswith(f"iterations 3 to 4: step skipped, {term} in {bad + 1} (1 in a row, 1 i")
    assert f"labeled_{bad}_0.png" in text and f"labeled_{5 - bad}_0.png" not in text


def test_accumulation_with_a_bad_gradient_names_all_files(run):
    wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.05), accumulative_counts=2)
    _, _, said = run(how="gradient", wrapper=wrapper, bad=(3,), iters=6)
    (text,) = [line for line in said if ": step skipped" in line]
    assert text.startswith("iterations 3 to 4: step skipped, the loss is finite and its gradient")
    assert "labeled_2_0.png" in text and "labeled_3_0.png" in text


def names_of_buffers(runner):
    return {name for name, _ in runner.model.named_buffers()}


def names_of_parameters(runner):
    return {name for name, _ in runner.model.named_parameters() if name.startswith("student")}


def test_steps_in_a_row_are_counted(run):
    runner, watch, said = run(bad=(1, 3, 4, 5), iters=6)
    check_skipped(watch, bad=(1, 3, 4, 5))
    assert runner.message_hub.get_info(COUNTS) == [3, 4]
    assert "(3 in a row, 4 in this run)" in said[-2]
    assert said[-1].startswith("4 of 6 steps were skipped")


def test_good_steps_are_those_of_a_run_without_the_hook(run):
    _, watch, _ = run(bad=())
    _, other, _ = run(bad=(), how="constant", guarded=False)
    assert same(watch.after[-1], other.after[-1])


def test_not_finite_reads_and_leaves_values():
    torch.manual_seed(0)
    good = [torch.randn(4, 3), torch.full((2,), 3e38), torch.randn(5).bfloat16(), torch.zeros(0)]
    copies = [one.clone() for one in good]
    assert not_finite(good) == 0 and all(map(torch.equal, good, copies))
    for value in (float("nan"), float("inf"), -float("inf")):
        for place in range(3):
            bad = [one.clone() for one in good]
            bad[place].view(-1)[-1] = value
            assert not_finite(bad) == 1
    assert not_finite([]) == 0


def test_paths_of_batches_without_any():
    assert paths_of(None) == [] and paths_of({"inputs": {}}) == []


def test_a_model_that_is_evaluated_is_not_watched(run):
    runner, _, _ = run(bad=(), iters=2)
    hook = next(h for h in runner.hooks if type(h).__name__ == "NonFiniteHook")
    terms = hook._terms
    runner.model.eval()(torch.full((1, 3, 33, 33), float("nan")), mode="tensor")
    assert hook._terms is terms


class Line(nn.Module):
    """A loss that is infinite on the second process only, with a finite gradient."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        self.seen += 1
        bad = get_rank() == 1 and inputs.sum() > 5
        return {"loss_a": self.weight @ inputs, "loss_b": torch.tensor(math.inf if bad else 0.0)}


def two_steps():
    """Weights and counts of a process after a bad and a good step, and what it says."""
    model = Line()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    hub, said = MessageHub(f"processes {get_rank()}"), []
    runner = SimpleNamespace(model=model, optim_wrapper=optimizer, message_hub=hub, iter=0)
    runner.logger = SimpleNamespace(warning=said.append)
    hook = NonFiniteHook()
    hook.before_train(runner)
    seen = []
    for value in (3.0, 1.0):
        losses = model(inputs=torch.full((3,), value), mode="loss")
        optimizer.update_params(sum(losses.values()))
        hook.after_train_iter(runner, 0, None)
        seen.append([model.weight.detach().clone(), model.seen.clone(), hub.get_info(COUNTS)])
    return seen, said


def test_processes_skip_together_when_one_has_a_bad_loss():
    for seen, said in run_processes(2, two_steps):
        (weight, count, counts), (later, one, _) = seen
        assert torch.equal(weight, torch.ones(3)) and count == 0 and counts == [1, 1]
        torch.testing.assert_close(later, torch.full((3,), 0.9))
        assert one == 1
        assert len(said) == 1 and "step skipped, loss_b = inf" in said[0]
