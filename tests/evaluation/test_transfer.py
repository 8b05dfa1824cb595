# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from rankseg.evaluation.features import standardize
from rankseg.evaluation.transfer import accuracies, logistic_transfer


def blobs(count, noise, seed):
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(3, 6, generator=generator)
    generator.manual_seed(seed)
    label = torch.arange(count) % 3
    return centres[label] + noise * torch.randn(count, 6, generator=generator), label


def optimum(x, y, strength):
    """Minimise the formula itself, with a bias that is not penalised."""

    def objective(flat):
        w = flat.reshape(3, -1)
        logits = x @ w[:, :-1].T + w[:, -1]
        top = logits.max(1, keepdims=True)
        log = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
        return -log[np.arange(len(y)), y].sum() + strength / 2 * (w[:, :-1] ** 2).sum()

    w = minimize(objective, np.zeros(3 * (x.shape[1] + 1)), method="L-BFGS-B").x.reshape(3, -1)
    return lambda part: (part @ w[:, :-1].T + w[:, -1]).argmax(1)


@pytest.mark.parametrize("strength", [0.1, 30.0])
def test_one_strength_is_the_formula(strength):
    feature, label = blobs(60, 1.5, 1)
    query, _ = blobs(90, 1.5, 2)
    found = logistic_transfer(feature, label, query, strengths=[strength])
    x, asked = (part.double().numpy() for part in standardize(feature, query))
    wanted = optimum(x, label.numpy(), strength)(asked)
    assert (found.label.numpy() == wanted).mean() > 0.98
    assert found.strength == strength and not found.at_edge


def test_the_strength_is_chosen_on_a_validation_part_alone():
    feature, label = blobs(90, 2.5, 1)
    query, _ = blobs(30, 2.5, 2)
    found = logistic_transfer(feature, label, query, strengths=[1e-3, 10.0, 1e6])
    # 18 images of 90 are validated on: accuracies are multiples of 1/18
    assert found.validation * 18 / 100 == pytest.approx(
        round(found.validation * 18 / 100), abs=0.01
    )
    again = logistic_transfer(feature, label, query.flip(0), strengths=[1e-3, 10.0, 1e6])
    assert again.strength == found.strength
    assert torch.equal(again.label.flip(0), found.label)


def test_of_equally_good_strengths_the_larger_and_the_edge_is_told():
    feature, label = blobs(30, 0.01, 1)  # every strength separates them
    found = logistic_transfer(feature, label, feature, strengths=[0.01, 1.0, 0.1])
    assert (found.strength, found.validation, found.at_edge) == (1.0, 100.0, True)
    assert torch.equal(found.label, label)


def test_labels_with_gaps_and_a_class_of_one_image():
    feature, label = blobs(31, 0.05, 1)
    label = torch.tensor([2, 5, 7])[label]
    label[-1] = 9
    found = logistic_transfer(feature, label, feature[:3], strengths=[0.1])
    assert found.label.tolist() == [2, 5, 7]


@pytest.mark.parametrize("label", [[0, 0, 0], [0, 1, 2], [4]])
def test_too_little_to_learn_from(label):
    feature = torch.randn(len(label), 2)
    with pytest.raises(ValueError, match=f"logistic regression, but got {len(label)} images of"):
        logistic_transfer(feature, torch.tensor(label), feature)


def test_accuracies():
    found = accuracies(torch.tensor([0, 0, 0, 1, 3]), torch.tensor([0, 0, 0, 3, 3]))
    assert found == {"top1": 80.0, "mean_class": 75.0}
