# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
from mmengine.logging import MessageHub

from rankseg.structures import WEAK
from rankseg.testing.toy import toy_batch


def at(iteration: int, best: float | None = None, length: int = 100) -> None:
    """Tell the method where the run is."""
    hub = MessageHub.get_current_instance()
    hub.update_info("iter", iteration)
    hub.update_info("max_iters", length)
    hub.update_info("best_score", best)


@pytest.fixture(autouse=True)
def no_best_score():
    at(0)
    yield
    at(0)


def weights(network) -> torch.Tensor:
    return network.decode_head.conv_seg.weight.detach().clone()


def test_equals_unimatch_without_earlier_weights(build):
    inputs, data_samples = toy_batch()
    found = []
    for name in ("UniMatch", "PrevMatch"):
        model = build(name, threshold=0.0)
        model.student.load_state_dict(found[0][1] if found else model.student.state_dict())
        state = copy.deepcopy(model.student.state_dict())
        torch.manual_seed(3)
        found.append((model.loss(inputs, data_samples), state))
    (plain, _), (other, _) = found
    assert plain.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in plain.items())


def test_keeps_the_weights_of_the_latest_best_validations(build):
    model = build("PrevMatch", size=2)
    assert model.take_weights() == 0
    kept = []
    for iteration, best in enumerate((10.0, 10.0, 12.0, 12.0, 15.0), 1):
        at(iteration, best)
        with torch.no_grad():
            model.student.decode_head.conv_seg.weight.add_(1)
        if best not in kept:
            kept.append(best)
            expected = weights(model.student)
        count = model.take_weights()
        assert count == min(len(kept), 2)
        torch.testing.assert_close(weights(model.previous[(len(kept) - 1) % 2]), expected)
    assert int(model.taken) == 3 and float(model.best) == 15.0


def test_state_of_a_resumed_run_takes_no_weights_twice(build):
    model, other = build("PrevMatch", size=2), build("PrevMatch", size=2)
    at(1, 10.0)
    model.take_weights()
    other.load_state_dict(model.state_dict())
    before = copy.deepcopy(other.previous.state_dict())
    with torch.no_grad():
        other.student.decode_head.conv_seg.weight.add_(1)
    assert other.take_weights() == 1
    assert all(torch.equal(v, before[k]) for k, v in other.previous.state_dict().items())


def test_takes_weights_at_an_interval(build):
    model = build("PrevMatch", interval=10, size=3)
    counts = []
    for iteration in range(35):
        at(iteration)
        counts.append(model.take_weights())
    assert [counts[i] for i in (0, 9, 10, 19, 20, 34)] == [0, 0, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("iteration", "expected"), [(0, 0.0), (25, 0.5), (50, 1.0), (75, 0.5), (100, 0.0)]
)
def test_weight_is_a_triangle_over_the_run(build, iteration, expected):
    at(iteration)
    assert build("PrevMatch").previous_weight() == pytest.approx(expected)


def test_ensemble_averages_logits_of_drawn_members(build):
    model = build("PrevMatch", size=3, members=2)
    inputs, _ = toy_batch()
    images, valid = inputs[WEAK], torch.ones(2, *inputs[WEAK].shape[2:], dtype=torch.bool)
    with torch.no_grad():
        for i, one in enumerate(model.previous):
            one.decode_head.conv_seg.weight.mul_(i + 1)
        each = [
            model.upsample(model.run(m, images).logits, valid.shape[1:]) for m in model.previous
        ]
    numbers = set()
    for seed in range(6):
        torch.manual_seed(seed)
        found = model.previous_target(images, valid, count=3).pseudo
        torch.manual_seed(seed)
        number = int(torch.randint(1, 3, ()))
        chosen = torch.randperm(3)[:number].tolist()
        draws = torch.empty(number).exponential_()
        logits = sum(each[c] * (d / draws.sum()) for c, d in zip(chosen, draws, strict=True))
        confidence, label = logits.softmax(1).max(1)
        assert torch.equal(found.label, label)
        torch.testing.assert_close(found.confidence, confidence)
        numbers.add(number)
    assert numbers == {1, 2}
    assert not any(one.training for one in model.previous)


def test_takes_the_first_of_several_best_scores(build):
    model = build("PrevMatch", size=2)
    at(1)
    hub = MessageHub.get_current_instance()
    hub.runtime_info.pop("best_score")  # MMEngine names them by metric if there are several
    for number, (first, second) in enumerate([(10.0, 5.0), (10.0, 6.0), (11.0, 6.0)]):
        hub.update_info("best_score_mIoU", first)
        hub.update_info("best_score_aAcc", second)
        assert model.take_weights() == (1, 1, 2)[number]
    for name in ("best_score_mIoU", "best_score_aAcc"):
        hub.runtime_info.pop(name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(val_dataloader=None), "PrevMatch .*no validation images.*model.interval"),
        (dict(default_hooks=dict(checkpoint=dict(save_best=None))), "save_best=None.*'mIoU'"),
        (dict(default_hooks=dict()), "save_best=None.*'mIoU'"),
    ],
)
def test_raises_on_a_run_without_a_best_validation(build, options, words):
    run = dict(val_dataloader=dict(), default_hooks=dict(checkpoint=dict(save_best="mIoU")))
    run["val_dataloader"] = dict(batch_size=1)
    model = build("PrevMatch")
    model.check_run(run)
    with pytest.raises(ValueError, match=words):
        model.check_run(run | options)
    build("PrevMatch", interval=5).check_run(run | options)


def test_sum_of_losses_has_the_same_share_of_guidance(build):
    """Without the average of labeled and unlabeled losses, both unlabeled parts have weight 1."""
    options = dict(threshold=0.0, previous_threshold=0.0, size=1, members=1)
    model = build("PrevMatch", average_losses=False, **options)
    model.student.eval()
    inputs, data_samples = toy_batch()
    at(50, 10.0)  # the weight is 1
    found = model.loss(inputs, data_samples)
    for name in ("s1", "s2", "fp"):
        torch.testing.assert_close(found[f"loss_prev_{name}"], found[f"loss_{name}"])


@pytest.mark.parametrize("options", [{}, dict(soft_labels=True, unlabeled_class_weight=[1, 2, 3])])
def test_terms_are_scaled_by_the_weight_of_the_guidance(build, options):
    """With earlier weights equal to the student, the guided terms equal those of UniMatch."""
    zero = dict(threshold=0.0, previous_threshold=0.0)
    model = build("PrevMatch", **zero, size=1, members=1, **options)
    model.student.eval()
    inputs, data_samples = toy_batch()
    at(50, 10.0)  # the weight is 1
    torch.manual_seed(3)
    found = model.loss(inputs, data_samples)
    for name in ("s1", "s2", "fp"):
        torch.testing.assert_close(found[f"loss_prev_{name}"], found[f"loss_{name}"])
    at(50)
    twin = build("UniMatch", threshold=0.0, **options)
    twin.load_state_dict(model.state_dict(), strict=False)
    twin.student.eval()
    torch.manual_seed(3)
    plain = twin.loss(inputs, data_samples)
    torch.testing.assert_close(found["loss_x"], plain["loss_x"] * 2 / 3)
    torch.testing.assert_close(found["loss_s1"], plain["loss_s1"] * 2 / 3)


@pytest.mark.parametrize(
    "options", [dict(size=0), dict(members=0), dict(interval=0), dict(previous_threshold=2.0)]
)
def test_raises_on_numbers_out_of_range(build, options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"model.{name}.*{value}"):
        build("PrevMatch", **options)


def test_raises_on_a_single_pass(build):
    with pytest.raises(ValueError, match="model.single_pass to be False, but got True"):
        build("PrevMatch", single_pass=True, teacher=dict(momentum=0.1), labels_from="teacher")
