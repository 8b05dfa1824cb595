# SPDX-License-Identifier: Apache-2.0
"""Selection by class centres, image by image."""

import numpy as np
import pytest

from rankseg.selection.discovery import Evidence, confident, most_confident, nearest_centers

CLASSES = 3


def make(labeled=7, candidates=12, seed=0, past=0):
    rng = np.random.default_rng(seed)
    label = np.arange(labeled) % CLASSES

    def features():
        return (
            rng.normal(size=(labeled, 4)).astype(np.float32),
            rng.normal(size=(candidates, 4)).astype(np.float32),
        )

    mine, theirs = features()
    logits = 3 * rng.normal(size=(candidates, CLASSES)).astype(np.float32)
    earlier = tuple(features() for _ in range(past))
    return Evidence(mine, label, theirs, logits, labeled - 1, earlier)


def distance(point, labeled, label, k):
    own = [x.astype(float) for x, y in zip(labeled, label, strict=True) if y == k]
    if not own:
        return np.inf
    return float(np.sqrt(((point - sum(own) / len(own)) ** 2).sum()))


def slow(evidence):
    """(distance, class) of every candidate."""
    found = []
    for point in evidence.candidates:
        found.append(
            min((distance(point, evidence.labeled, evidence.label, k), k) for k in range(CLASSES))
        )
    return found


@pytest.mark.parametrize("count", [0, 1, 5, 12, 30])
@pytest.mark.parametrize("keep", ["min", "max", "far"])
def test_equals_the_equations(keep, count):
    evidence = make()
    apart = slow(evidence)
    order = sorted(range(12), key=lambda i: apart[i][0])
    if keep == "max":
        order = order[::-1]
    if keep == "far":
        order = order[: max(count, min(2 * count, 9))][::-1]
    found = nearest_centers(evidence, count, np.random.default_rng(0), keep, None, 2, 0.75)
    assert found.row.tolist() == order[:count]
    assert found.label.tolist() == [apart[i][1] for i in order[:count]]


def test_random_ones_have_the_class_of_their_center():
    evidence = make(candidates=40)
    drawn = [
        nearest_centers(evidence, 10, np.random.default_rng(seed), "random") for seed in (0, 0, 1)
    ]
    rows = [found.row.tolist() for found in drawn]
    assert rows[0] == rows[1] != rows[2] and len(set(rows[0])) == 10
    apart = slow(evidence)
    assert drawn[2].label.tolist() == [apart[i][1] for i in rows[2]]


@pytest.mark.parametrize("past", [0, 2])
@pytest.mark.parametrize("fuse", ["average", "cascade", "rank"])
def test_fusion(fuse, past):
    evidence = make(past=past)
    pairs = [*evidence.past, (evidence.labeled, evidence.candidates)]
    scores, labels = [], []
    for i in range(12):
        table = [[distance(c[i], x, evidence.label, k) for k in range(CLASSES)] for x, c in pairs]
        means = [sum(row[k] for row in table) / len(table) for k in range(CLASSES)]
        whole = [sum(row[k] ** 2 for row in table) ** 0.5 for k in range(CLASSES)]
        values = whole if fuse == "cascade" else means
        labels.append(values.index(min(values)))
        scores.append(min(values))
    if fuse == "rank":
        ranks = []
        for x, c in pairs:
            least = [min(distance(y, x, evidence.label, k) for k in range(CLASSES)) for y in c]
            ranks.append([sorted(least).index(value) for value in least])
        scores = [sum(column) for column in zip(*ranks, strict=True)]
    found = nearest_centers(evidence, 12, np.random.default_rng(0), fuse=fuse)
    assert found.label.tolist() == [labels[i] for i in found.row]
    np.testing.assert_allclose([scores[i] for i in found.row], sorted(scores), rtol=1e-6)


@pytest.mark.parametrize("fuse", [None, "cascade"])
def test_features_of_unit_length(fuse):
    plain = make(past=1)
    plain.candidates[3] = 0

    def unit(features):
        return np.array([x / max((x**2).sum() ** 0.5, 1e-30) for x in features])

    by_hand = plain._replace(
        labeled=unit(plain.labeled),
        candidates=unit(plain.candidates),
        past=tuple((unit(a), unit(b)) for a, b in plain.past),
    )
    rng = np.random.default_rng(0)
    found = nearest_centers(plain, 12, rng, fuse=fuse, normalize=True)
    wanted = nearest_centers(by_hand, 12, rng, fuse=fuse)
    assert found.row.tolist() == wanted.row.tolist() and found.label.tolist() == list(wanted.label)
    assert found.row.tolist() != nearest_centers(plain, 12, rng, fuse=fuse).row.tolist()


@pytest.mark.parametrize("fuse", [None, "average", "cascade", "rank"])
def test_candidates_are_compared_in_blocks(fuse, monkeypatch):
    evidence = make(candidates=12, past=2)
    wanted = confident.nearest(evidence, fuse)
    monkeypatch.setattr(confident, "ROWS", 5)
    for mine, other in zip(confident.nearest(evidence, fuse), wanted, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_without_fusion_earlier_features_do_not_count():
    with_past, without = make(past=2), make(past=2)._replace(past=())
    found = [nearest_centers(e, 12, np.random.default_rng(0)).row for e in (with_past, without)]
    np.testing.assert_array_equal(*found)


def test_equal_ones_go_by_their_order_and_the_first_class():
    labeled = np.array([[1.0], [-1.0]])
    evidence = Evidence(labeled, np.array([2, 0]), np.zeros((4, 1)), np.zeros((4, 3)), 2)
    for keep in ("min", "max", "far"):
        found = nearest_centers(evidence, 3, np.random.default_rng(0), keep)
        assert (found.row.tolist(), found.label.tolist()) == ([0, 1, 2], [0, 0, 0])
    found = most_confident(evidence, 2, np.random.default_rng(0))
    assert (found.row.tolist(), found.label.tolist()) == ([0, 1], [0, 0])


def test_a_class_without_images_is_given_to_none():
    evidence = make()
    evidence = evidence._replace(label=np.where(evidence.label == 1, 2, evidence.label))
    found = nearest_centers(evidence, 12, np.random.default_rng(0))
    assert set(found.label) == {0, 2}
    assert [slow(evidence)[i][1] for i in found.row] == found.label.tolist()


def test_one_sample():
    evidence = Evidence(np.ones((1, 2)), np.array([1]), np.zeros((1, 2)), np.zeros((1, 3)), 1)
    for keep in ("min", "max", "far", "random"):
        found = nearest_centers(evidence, 5, np.random.default_rng(0), keep)
        assert (found.row.tolist(), found.label.tolist()) == ([0], [1])


@pytest.mark.parametrize("count", [0, 4, 30])
def test_most_confident(count):
    evidence = make()
    chances = [np.exp(x) / np.exp(x).sum() for x in evidence.logits.astype(float)]
    order = sorted(range(12), key=lambda i: -chances[i].max())[:count]
    found = most_confident(evidence, count, np.random.default_rng(0))
    assert found.row.tolist() == order
    assert found.label.tolist() == [chances[i].argmax() for i in order]


def test_confidence_tells_apart_what_rounds_to_one():
    logits = np.array([[60.0, 0, 0], [80.0, 0, 0], [70.0, 0, 0]], np.float32)
    evidence = Evidence(np.zeros((1, 1)), np.array([0]), np.zeros((3, 1)), logits, 1)
    assert most_confident(evidence, 2, np.random.default_rng(0)).row.tolist() == [1, 2]


@pytest.mark.parametrize(
    "option", [dict(keep="best"), dict(fuse="sum"), dict(confident=0.5), dict(share=1.5)]
)
def test_refused(option):
    with pytest.raises(ValueError, match="of nearest_centers to be"):
        nearest_centers(make(), 1, np.random.default_rng(0), **option)
