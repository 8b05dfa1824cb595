# SPDX-License-Identifier: Apache-2.0
"""Retrieval against loops over sorted lists and against another library."""

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from torch.utils._python_dispatch import TorchDispatchMode

from rankseg.evaluation.retrieval import cluster_agreement, retrieval_scores, retrieve


def cloud(count=60, classes=7, size=5, seed=0):
    """Embeddings of any length near the center of their class, and classes of unequal size."""
    draw = torch.Generator().manual_seed(seed)
    label = torch.randint(0, classes, (count,), generator=draw) % (classes - 1)
    label[:2] = classes - 1  # a class of two
    center = torch.randn(classes, size, generator=draw)
    rows = center[label] + 1.2 * torch.randn(count, size, generator=draw)
    return rows * (0.5 + torch.rand(count, 1, generator=draw)), label


def one_by_one(query, gallery, query_label, gallery_label, topk, skip_own):
    """The same numbers from sorted lists of Python numbers."""
    hits, precision, average = [], [], []
    for i, row in enumerate(query):
        cosine = torch.nn.functional.cosine_similarity(row[None].double(), gallery.double())
        order = [j for j in cosine.argsort(descending=True).tolist() if j != i or not skip_own]
        right = [int(gallery_label[j] == query_label[i]) for j in order]
        total = sum(right)
        hits.append([any(right[:k]) for k in topk])
        precision.append(sum(right[:total]) / max(total, 1))
        so_far = [sum(right[: j + 1]) / (j + 1) for j in range(total) if right[j]]
        average.append(sum(so_far) / max(total, 1))
    return hits, precision, average


def test_a_set_among_itself_one_by_one():
    rows, label = cloud()
    topk = (1, 2, 4, 8, 100)
    found = retrieval_scores(rows, rows, label, label, topk, torch.arange(60), chunk=7)
    hits, precision, average = one_by_one(rows, rows, label, label, topk, True)
    assert found.hits.tolist() == hits
    np.testing.assert_allclose(found.r_precision, precision, atol=1e-12)
    np.testing.assert_allclose(found.average_precision, average, atol=1e-12)
    assert 0.2 < found.hits[:, 0].double().mean() < 0.9
    assert found.relevant[:2].tolist() == [1, 1]


def test_queries_against_a_gallery_one_by_one():
    rows, label = cloud(seed=1)
    label[7] = 17  # a query of a class that the gallery has not
    sets = rows[:20], rows[20:], label[:20], label[20:]
    found = retrieval_scores(*sets, (1, 3), chunk=6)
    hits, precision, average = one_by_one(*sets, (1, 3), False)
    assert found.hits.tolist() == hits
    np.testing.assert_allclose(found.r_precision, precision, atol=1e-12)
    np.testing.assert_allclose(found.average_precision, average, atol=1e-12)
    assert found.relevant[7] == 0 and not found.hits[7].any()


def test_against_another_library():
    rows, label = cloud(200, 9, seed=2)
    found = retrieval_scores(rows, rows, label, label, (1,), torch.arange(200))
    wanted = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    judge = AccuracyCalculator(
        include=wanted, k="max_bin_count", knn_func=CustomKNN(CosineSimilarity())
    )
    other = judge.get_accuracy(rows, label)
    means = found.hits[:, 0].double(), found.r_precision, found.average_precision
    for value, name in zip(means, wanted, strict=True):
        assert value.mean().item() == pytest.approx(other[name], abs=1e-9)


def test_nearest_with_similarities_and_without_oneself():
    rows = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0], [-1.0, -0.2]])
    label = torch.tensor([0, 1, 1, 0])
    (found,) = retrieve(rows, rows, label, label, 9, torch.arange(4))
    assert found.index.tolist() == [[1, 2, 3], [2, 0, 3], [1, 0, 3], [2, 1, 0]]
    np.testing.assert_allclose(found.similarity[0], [0.6, 0.0, -0.98058], atol=1e-5)
    assert found.right[1].tolist() == [True, False, False]
    assert found.relevant.tolist() == [1, 1, 1, 1]
    (some,) = retrieve(rows[1:3], rows, label[1:3], label, 1, torch.tensor([1, 2]))
    assert some.index.tolist() == [[2], [1]]


def test_equally_near_images_of_a_wrong_class_come_first():
    rows = torch.nn.functional.normalize(torch.randn(1, 64), dim=1).repeat(12, 1)
    rows *= 1 + torch.rand(12, 1)  # which rounding makes differ by the last bit
    label = torch.tensor([0] * 4 + [1] * 4 + [2] * 4)
    found = retrieval_scores(rows, rows, label, label, (1, 8, 9), torch.arange(12))
    assert found.hits.all(0).tolist() == [False, False, True]
    assert not found.hits[:, :2].any()
    assert not found.r_precision.any() and not found.average_precision.any()


def test_the_order_of_images_does_not_matter():
    rows, label = cloud(seed=3)
    rows = rows.round()  # many are equally near
    other = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    found = retrieval_scores(rows, rows, label, label, (1, 2), torch.arange(60))
    moved = retrieval_scores(
        rows[other], rows[other], label[other], label[other], (1, 2), torch.arange(60), chunk=9
    )
    for one, two in zip(found, moved, strict=True):
        assert (one[other] == two).all()


def test_embeddings_that_are_no_numbers():
    rows, label = cloud()
    rows[3, 1] = torch.nan
    with pytest.raises(ValueError, match="features of 1 of 60 queries are NaN"):
        retrieval_scores(rows, rows, label, label, (1,), torch.arange(60))


def test_one_image_finds_nothing():
    rows, label = cloud()
    with pytest.raises(ValueError, match="an image besides the query, but got 1 images"):
        retrieval_scores(rows[:1], rows[:1], label[:1], label[:1], (1,), torch.tensor([0]))
    alone = retrieval_scores(rows[:1], rows[1:2], label[:1], label[1:2], (1,))
    assert alone.hits.tolist() == [[True]]


def test_clusters_agree_with_classes_that_lie_apart():
    torch.manual_seed(0)
    label = torch.arange(40) % 4
    rows = torch.eye(8)[label] + 0.05 * torch.randn(40, 8)
    assert cluster_agreement(rows * (1 + torch.rand(40, 1)), label) == pytest.approx(1)
    assert cluster_agreement(torch.randn(40, 8), label) < 0.5


class LargeBlocks(TorchDispatchMode):
    """Record the memory blocks of at least some number of bytes in the results of operations."""

    def __init__(self, least):
        super().__init__()
        self.least, self.blocks = least, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, torch.Tensor) and value.untyped_storage().nbytes() >= self.least:
                self.blocks.append(value.untyped_storage())
        return result


def test_similarities_of_all_chunks_share_one_block():
    rows, label = torch.randn(400, 4), torch.arange(400) % 100
    with LargeBlocks(50 * 400) as made:  # a matrix of a chunk has four times as many bytes
        retrieval_scores(rows, rows, label, label, (1, 2), torch.arange(400), chunk=50)
    assert made.blocks and len({block.data_ptr() for block in made.blocks}) == 1
    assert made.blocks[0].nbytes() == 50 * 400 * 4


@pytest.mark.parametrize("classes", [2, 100])
def test_large_galleries_are_compared_with_fewer_queries_at_a_time(monkeypatch, classes):
    rows, label = torch.randn(400, 4), torch.arange(400) % classes
    arguments = rows, rows, label, label, (1, 2), torch.arange(400)
    whole = retrieval_scores(*arguments, chunk=400)
    monkeypatch.setattr("rankseg.evaluation.retrieval.MEMORY", 50_000)
    with LargeBlocks(50_001) as made:
        found = retrieval_scores(*arguments)
    assert not made.blocks
    for one, two in zip(found, whole, strict=True):
        torch.testing.assert_close(one, two)
    monkeypatch.setattr("rankseg.evaluation.retrieval.MEMORY", 1)  # less than one query takes
    assert retrieval_scores(*arguments).hits.equal(whole.hits)


def test_embeddings_with_gradients_are_detached():
    rows, label = cloud()
    rows.requires_grad_()
    found = retrieval_scores(rows, rows, label, label, (1,), torch.arange(60))
    assert not found.nearest.requires_grad
