# SPDX-License-Identifier: Apache-2.0
"""Critical samples and ranked labels against the equations."""

from math import log2

import numpy as np
import pytest

from rankseg.selection.discovery.critical import RULES, confine, critical_samples, ranked_labels
from rankseg.selection.discovery.evidence import Evidence

CLASSES = 4


def find_critical(feature, labeled, label, classes, count, rule=RULES[0], **options):
    """With labelled features only; what was discovered before is far off and of the last class."""
    far = np.full((3, labeled.shape[1]), 1e3)
    evidence = Evidence(
        np.concatenate((labeled, far)),
        np.concatenate((label, [classes - 1] * 3)),
        feature,
        np.zeros((len(feature), classes)),
        num_given=len(labeled),
    )
    return critical_samples(evidence, count, rule=rule, **options)


def slow(feature, labeled, label, count, rule, share, beta):
    """Eq. 3.8 to 3.12 point by point: places, labels and soft labels."""
    centres = {
        k: np.mean([x for x, y in zip(labeled, label, strict=True) if y == k], 0)
        for k in set(label)
    }
    found = []
    for place, point in enumerate(feature):
        apart = min(np.linalg.norm(point - centre) for centre in centres.values())
        ranks = np.argsort([np.linalg.norm(point - other) for other in labeled])
        votes = [0.0] * CLASSES
        for rank, other in enumerate(ranks, 1):
            votes[label[other]] += beta / (beta + rank / len(labeled))
        soft = [vote / sum(votes) for vote in votes]
        uncertainty = round(sum(p * log2(1 / p) for p in soft if p), 12)
        found.append((place, apart, uncertainty, soft))
    found.sort(key=lambda one: one[1])
    if rule.startswith("confined"):
        found = found[: max(2 * count, int(np.ceil(share * len(feature))))]
    if rule != "minimum_distance":
        found.sort(key=lambda one: one[2], reverse="maximum" in rule)
    found = found[:count]
    return [f[0] for f in found], [int(np.argmax(f[3])) for f in found], [f[3] for f in found]


@pytest.mark.parametrize("count", [1, 6, 12, 50])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rows", [7, 40])
def test_equals_the_equations(monkeypatch, rows, rule, count):
    monkeypatch.setattr("rankseg.selection.discovery.critical.ROWS", rows)  # images per block
    rng = np.random.default_rng(3)
    feature, labeled = rng.normal(size=(40, 5)), rng.normal(size=(8, 5))
    label = np.array([0, 0, 1, 1, 3, 3, 3, 0])  # class 2 has no labelled image
    options = dict(count=count, rule=rule, share=0.25, beta=0.2)
    found = find_critical(feature, labeled, label, CLASSES, **options)
    index, hard, soft = slow(feature, labeled, label, **options)
    assert found.row.tolist() == index and found.label.tolist() == hard
    np.testing.assert_allclose(ranked_labels(feature, labeled, label, CLASSES, 0.2)[index], soft)
    assert len(index) == min(count, 40)


def test_rules_differ():
    rng = np.random.default_rng(0)
    feature, labeled = rng.normal(size=(60, 2)), rng.normal(size=(9, 2))
    label = np.arange(9) % 3
    chosen = {
        tuple(sorted(find_critical(feature, labeled, label, 3, 5, rule).row)) for rule in RULES
    }
    assert len(chosen) == len(RULES)


def test_confined_is_a_quantile():
    distance = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    assert confine(distance, 0.4).tolist() == [False, True, False, True, False]
    assert confine(distance, 0.41).sum() == 3
    assert confine(distance, 0.01).sum() == 1  # never nothing
    assert confine(distance, 0.2, least=4).sum() == 4
    assert confine(distance, 1.0).all() and confine(distance, 0.2, least=9).all()
    assert confine(np.array([1.0, 1.0, 1.0, 2.0]), 0.25).tolist() == [True] * 3 + [False]
    assert confine(np.zeros(0), 0.5).shape == (0,)


def test_balanced_classes_are_confined_each_by_itself():
    """Class 1 lies close to its centre, class 0 farther from its own than any of them."""
    rng = np.random.default_rng(1)
    label = np.arange(12) % 2
    labeled = np.array([[0, 0], [40, 0]])[label] + rng.normal(0, 12, (12, 2))
    wide, narrow = (
        labeled[label == k].mean(0) + rng.normal(0, width, (30, 2))
        for k, width in enumerate((9, 1))
    )
    feature = np.concatenate((wide, narrow))
    plain = find_critical(feature, labeled, label, 2, 10, share=0.2)
    assert (plain.label == 1).sum() > 8
    found = find_critical(feature, labeled, label, 2, 10, share=0.5, balanced=True)
    assert sorted(found.label) == [0] * 5 + [1] * 5
    for name, rows in ((0, range(30)), (1, range(30, 60))):
        part = np.array(rows)
        alone = find_critical(feature[part], labeled, label, 2, 5, share=0.5)
        assert part[alone.row].tolist() == found.row[found.label == name].tolist()


def test_others_make_up_for_a_class_that_has_too_few():
    labeled, label = np.array([[0.0], [100.0]]), np.array([0, 1])
    feature = np.concatenate((np.linspace(0, 9, 20), [99.0]))[:, None]
    for count in (1, 6, 21, 30):
        found = find_critical(feature, labeled, label, 2, count, balanced=True)
        assert len(found.row) == min(count, 21) == len(set(found.row))
        assert (found.label == 1).sum() == (count > 1)


def test_equal_entropy_the_nearer_then_the_first():
    labeled, label = np.array([[0.0], [10.0]]), np.array([0, 1])
    feature = np.array([[2.0], [1.0], [2.0], [-1.0]])  # all rank the first class first
    found = find_critical(feature, labeled, label, 2, 4, RULES[2])
    assert found.row.tolist() == [1, 3, 0, 2] and found.label.tolist() == [0] * 4


def test_equal_votes_go_to_the_nearest_center():
    labeled = np.array([[0.0, 1.0], [0.0, -1.0], [0.0, -1.0]])
    found = find_critical(np.zeros((1, 2)), labeled[:2], np.array([0, 1]), 2, 1)
    soft = ranked_labels(np.zeros((1, 2)), labeled[:2], np.array([0, 1]), 2, 0.1)
    assert soft.tolist() == [[0.5, 0.5]] and found.label.tolist() == [0]
    # four labelled images at one distance, the centre of the second class nearer
    labeled = np.array([[1.0, 0], [0.6, 0.8], [0, 1.0], [0, -1.0]])
    found = find_critical(np.zeros((1, 2)), labeled, np.array([0, 0, 1, 1]), 2, 1)
    soft = ranked_labels(np.zeros((1, 2)), labeled, np.array([0, 0, 1, 1]), 2, 0.1)
    np.testing.assert_allclose(soft, 0.5)
    assert found.label.tolist() == [1]


def test_discovered_images_are_labeled_ones_where_asked():
    rng = np.random.default_rng(2)
    labeled, label = rng.normal(size=(9, 3)), np.arange(9) % 3
    candidates, logits = rng.normal(size=(20, 3)), np.zeros((20, 3))
    given = Evidence(labeled[:5], label[:5], candidates, logits, 5)
    both = Evidence(labeled, label, candidates, logits, 5)
    every = Evidence(labeled, label, candidates, logits, 9)
    for one, other, reference in ((both, given, "given"), (both, every, "all")):
        found = critical_samples(one, 6, reference=reference)
        wanted = critical_samples(other, 6)
        assert found.row.tolist() == wanted.row.tolist()
        assert found.label.tolist() == wanted.label.tolist()


def test_one_and_no_candidate():
    labeled, label = np.array([[0.0], [1.0]]), np.array([0, 1])
    one = find_critical(np.array([[0.2]]), labeled, label, 2, 3)
    assert (one.row.tolist(), one.label.tolist()) == ([0], [0])
    none = find_critical(np.zeros((0, 1)), labeled, label, 2, 3)
    assert none.row.shape == none.label.shape == (0,)
    assert len(find_critical(np.array([[0.2]]), labeled, label, 2, 0).row) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(rule="nearest"), "rule of critical_samples to be one of confined_max.*got 'nearest'"),
        (dict(share=0), "share of critical_samples .*got 0"),
        (dict(share=1.5), "share of critical_samples .*got 1.5"),
        (dict(reference="none"), "reference of critical_samples .*got 'none'"),
        (dict(beta=0), "beta of ranked labels .*got 0"),
    ],
)
def test_options_that_do_not_exist(options, message):
    with pytest.raises(ValueError, match=message):
        find_critical(np.zeros((2, 1)), np.zeros((1, 1)), np.array([0]), 1, 1, **options)


def slow_labels(feature, labeled, label, classes, beta):
    """The equations in words: sort by distance, number from 1, vote."""
    result = []
    for point in feature:
        distance = [float(np.sqrt(((point - other) ** 2).sum())) for other in labeled]
        votes = [0.0] * classes
        for own, kind in zip(distance, label, strict=True):
            nearer = sum(other < own for other in distance)
            alike = sum(other == own for other in distance)
            rank = nearer + (1 + alike) / 2
            votes[kind] += beta / (beta + rank / len(labeled))
        result.append([vote / sum(votes) for vote in votes])
    return np.array(result)


@pytest.mark.parametrize("beta", [0.05, 1.0])
@pytest.mark.parametrize("count", [1, 7])
def test_ranked_labels_equal_the_equations(beta, count):
    rng = np.random.default_rng(0)
    feature, labeled = rng.normal(size=(23, 4)), rng.normal(size=(count, 4))
    label = rng.integers(0, 2, count)  # class 2 is empty
    found = ranked_labels(feature, labeled, label, 3, beta, rows=5)
    np.testing.assert_allclose(found, slow_labels(feature, labeled, label, 3, beta))
    assert (found[:, 2] == 0).all()


def test_equal_distances_have_equal_votes():
    feature, labeled = np.zeros((1, 2)), np.array([[1, 0], [0, 1], [-1, 0], [5, 5]])
    found = ranked_labels(feature, labeled, np.array([0, 1, 2, 0]), 3, 0.1)
    assert found[0, 1] == found[0, 2] < found[0, 0]
    np.testing.assert_allclose(found, slow_labels(feature, labeled, [0, 1, 2, 0], 3, 0.1))


def test_only_ranks_count():
    near = ranked_labels(np.zeros((1, 1)), np.array([[1.0], [2.0]]), np.array([0, 1]), 2, 0.3)
    far = ranked_labels(np.zeros((1, 1)), np.array([[9.0], [90.0]]), np.array([0, 1]), 2, 0.3)
    assert (near == far).all() and near[0, 0] > 0.5


def test_nothing_to_label():
    assert ranked_labels(np.zeros((0, 2)), np.zeros((1, 2)), np.array([0]), 3, 1.0).shape == (0, 3)


@pytest.mark.parametrize("beta", [0, -1.0])
def test_beta_must_be_positive(beta):
    with pytest.raises(ValueError, match=f"beta of ranked labels .*got {beta}"):
        ranked_labels(np.zeros((1, 2)), np.zeros((1, 2)), np.array([0]), 1, beta)


def test_needs_a_label():
    with pytest.raises(ValueError, match="no labeled feature"):
        ranked_labels(np.zeros((1, 2)), np.zeros((0, 2)), np.zeros(0, int), 1, 0.1)
