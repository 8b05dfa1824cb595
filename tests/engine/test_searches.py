# SPDX-License-Identifier: Apache-2.0
import torch

from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.hooks.retrieval_panel import some_classes
from rankseg.engine.searches import Embedded, Images, choose, make_searches
from rankseg.evaluation.retrieval import RetrievalScores


class Shades:
    """Images of one shade, their position."""

    def __getitem__(self, i):
        return {"inputs": torch.full((3, 4, 4), i, dtype=torch.uint8)}


def images(label, classes=("cat", "dog")) -> Images:
    return Images(
        Shades(), [f"at/{i}.png" for i in range(len(label))], torch.tensor(label), classes
    )


def judged(average, nearest=None, relevant=None) -> RetrievalScores:
    average = torch.tensor(average, dtype=torch.float64)
    nearest = torch.zeros(len(average)) if nearest is None else torch.tensor(nearest)
    relevant = torch.ones(len(average)) if relevant is None else torch.tensor(relevant)
    return RetrievalScores(torch.zeros(len(average), 1), average, average, relevant.long(), nearest)


def test_what_is_found_for_a_query():
    stored = images([0, 1, 1, 0])
    rows = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, -0.1]])
    own = torch.arange(4)
    (one, two) = make_searches([2, 0], {"net": Embedded(rows, rows)}, stored, stored, own, 2)
    assert one.name == "dog" and one.file == "at/2.png" and (one.image == 2).all()
    assert [(n.file, n.name, n.right) for n in one.found["net"]] == [
        ("at/1.png", "dog", True),
        ("at/0.png", "cat", False),
    ]
    assert [n.image[0, 0, 0] for n in two.found["net"]] == [1, 2]


def test_queries_of_unknown_class():
    stored, asked = images([0, 1]), images([-1])
    rows = Embedded(torch.tensor([[1.0, 0.1]]), torch.eye(2))
    (one,) = make_searches([0], {"net": rows}, asked, stored, torch.tensor([-1]), 5)
    assert one.name == "0" and [n.right for n in one.found["net"]] == [None, None]
    nothing = images([-1, -1], ())
    both = Embedded(torch.eye(2), torch.eye(2))
    (one,) = make_searches([0], {"net": both}, nothing, nothing, torch.arange(2), 5)
    assert [(n.file, n.name, n.right) for n in one.found["net"]] == [("at/1.png", "", None)]


def test_queries_that_are_shown():
    label = torch.tensor([0, 0, 1, 1, 2, 2, 3])
    first = judged([0.5, 0.5, 0.0, 0.0, 0.9, 0.9, 0.0])
    last = judged(
        [0.5, 0.3, 0.1, 0.1, 0.9, 0.2, 0.0],
        nearest=[0.1, 0.1, 0.3, 0.8, 0.1, 0.1, 0.9],
        relevant=[1, 1, 1, 1, 1, 1, 0],
    )
    found = choose({"a": first, "b": last}, label, 3)
    assert found["queries"] == [0, 3, 6]
    # 3 before 2, whose wrong answer is as bad but less sure; 6 has nothing to find
    assert found["worst"] == [3, 5, 1]
    assert found["changes"] == [5, 1, 2]  # by 0.7, 0.2 and 0.1; 0, 4 and 6 are as before
    assert set(choose({"b": last}, label, 3)) == {"queries", "worst"}
    assert set(choose({}, label, 3)) == {"queries"}
    assert "changes" not in choose({"a": last, "b": last}, label, 3)


def test_positions_and_classes_at_even_distances():
    assert (
        evenly_spaced(7, 3) == [0, 3, 6]
        and evenly_spaced(3, 9) == [0, 1, 2]
        and evenly_spaced(5, 1) == [0]
    )
    label = torch.arange(40).numpy() // 4
    chosen = some_classes(label, 12)
    assert sorted(set(label[chosen])) == [0, 4, 9] and len(chosen) == 12
    assert len(some_classes(label, 1)) == 4 and len(some_classes(label, 999)) == 40
