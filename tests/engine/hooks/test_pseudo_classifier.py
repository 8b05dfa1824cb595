# SPDX-License-Identifier: Apache-2.0
"""When the classifier of CMSF is trained, and what it learns."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.engine.hooks import PseudoClassifierHook
from rankseg.engine.hooks.pseudo_classifier import fit_classifier
from rankseg.models.layers import Projector
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_classifier

OPTIONS = dict(epochs=30, batch_size=8, lr=0.1, momentum=0.9, weight_decay=0.0)


def clusters(count=25):
    """Vectors around three points, and whose they are."""
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(count) % 3
    noise = 0.1 * torch.randn(count, 4, generator=generator)
    return torch.eye(4)[label] + noise, label


def projector():
    return Projector(4, 3, hidden_channels=8, norm=True, normalize=False)


def test_it_learns_and_leaves_random_numbers_alone():
    torch.manual_seed(0)
    classifier, (feature, label) = projector(), clusters()
    state = torch.get_rng_state()
    with torch.no_grad():  # as hooks run
        right = fit_classifier(classifier, feature, label, seed=1, **OPTIONS)
    assert right == 1 and not classifier.training
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(one.requires_grad for one in classifier.parameters())


def test_the_same_whatever_was_before():
    feature, label = clusters()
    found = []
    for _ in range(2):
        torch.rand(len(found))
        classifier = projector()
        fit_classifier(classifier, feature, label, seed=7, restart=True, **OPTIONS)
        found.append(classifier.state_dict())
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_it_goes_on_learning_with_a_new_optimizer():
    feature, label = clusters()
    torch.manual_seed(0)
    classifier = projector()
    twin = copy.deepcopy(classifier).train()
    options = OPTIONS | dict(epochs=2, batch_size=len(feature))
    for seed in range(3):
        fit_classifier(classifier, feature, label, seed=seed, **options)
        velocity = {}  # each round starts without one
        for _ in range(2):  # whole batches, so that their order matters only to rounding
            twin.zero_grad()
            torch.nn.functional.cross_entropy(twin(feature), label).backward()
            for name, weight in twin.named_parameters():
                velocity[name] = 0.9 * velocity.get(name, 0) + weight.grad
                weight.data -= 0.1 * velocity[name]
    torch.testing.assert_close(classifier.state_dict(), twin.state_dict(), rtol=1e-4, atol=1e-5)


def method(**options):
    init_default_scope("rankseg")
    preprocessor = dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3)
    options = dict(type="CMSF", teacher=dict(momentum=0.1), memory_size=4) | options
    options |= dict(student=toy_classifier(), data_preprocessor=preprocessor)
    return MODELS.build(dict(predictor=dict(type="Projector"), **options))


CLASSIFIER = dict(classifier=dict(type="Projector", normalize=False), bank_size=12)


def runner(model, length=5):
    loader = SimpleNamespace(sampler=SimpleNamespace(iters_per_epoch=length), dataset=None)
    return SimpleNamespace(
        model=model,
        iter=0,
        seed=0,
        max_iters=9,
        val_loop=None,
        train_dataloader=loader,
        logger=logging.getLogger("test"),
    )


@pytest.mark.parametrize(
    ("length", "per_pass", "wanted"),
    [
        (6, 2, [3, 6, 9, 12]),
        (5, 2, [2, 5, 7, 10, 12]),
        (5, 1, [5, 10]),
        (1, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ],
)
def test_in_the_middle_and_at_the_end_of_a_pass(monkeypatch, length, per_pass, wanted):
    hook, one, times = PseudoClassifierHook(per_pass=per_pass), runner(None, length), []
    monkeypatch.setattr(hook, "fit", lambda runner: times.append(runner.iter + 1))
    for one.iter in range(12):
        hook.after_train_iter(one, 0)
    assert times == wanted


def test_what_the_method_remembers_is_learnt():
    model = method(constraint="label", **CLASSIFIER)
    hook, one = PseudoClassifierHook(epochs=40, lr=0.1), runner(model)
    hook.before_train(one)
    hook.fit(one)
    assert not model.classifier_ready, "there is no labeled image to learn from yet"
    label = torch.arange(9) % 3
    model.bank.write(torch.arange(9), torch.eye(8)[label], label)
    hook.fit(one)
    assert model.classifier_ready
    assert torch.equal(model.classifier(torch.eye(8)[:3]).argmax(1), torch.arange(3))


def test_refused():
    with pytest.raises(ValueError, match="got None. Set model.classifier"):
        PseudoClassifierHook().before_train(runner(method(constraint="label")))
    with pytest.raises(ValueError, match="model.type to be CMSF .* got Linear"):
        PseudoClassifierHook().before_train(runner(torch.nn.Linear(1, 1)))
    for options in (dict(per_pass=0), dict(epochs=0), dict(batch_size=1)):
        with pytest.raises(ValueError, match=f"{next(iter(options))} of PseudoClassifierHook"):
            PseudoClassifierHook(**options)
