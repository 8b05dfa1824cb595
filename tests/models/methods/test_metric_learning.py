# SPDX-License-Identifier: Apache-2.0
"""Metric learning: the step with and without a memory against slow references."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub

from rankseg.models.methods import MetricLearning, metric_learning
from rankseg.testing.toy import toy_class_batch, toy_classifier, toy_embedder

LOSS = dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5)
MINER = dict(type="MultiSimilarityMiner", epsilon=0.1)
MARGINS = dict(pos_margin=1.0, neg_margin=0.5)
COSINE = dict(distance=dict(type="CosineSimilarity"))
CONTRASTIVE = dict(type="ContrastiveLoss", **MARGINS, **COSINE)


@pytest.fixture
def make(build):
    def method(**options) -> MetricLearning:
        options = dict(metric_loss=LOSS, miner=MINER) | options
        return build("MetricLearning", student=toy_embedder(), **options)

    return method


def batch(labels=(0, 0, 1, 1, 2, 2)):
    inputs, samples = toy_class_batch(len(labels))
    for sample, label in zip(samples["labeled"], labels, strict=True):
        sample.gt_sem_seg.data.fill_(label)
    return inputs, samples


def slow(x, y, others, other_labels, miner=True, own=True):
    """Multi-Similarity of a batch with others, of which the first are the batch if ``own``."""
    total = 0.0
    for i in range(len(x)):
        pairs = [
            (x[i] @ z, int(k) == int(y[i]))
            for j, (z, k) in enumerate(zip(others, other_labels, strict=True))
            if not (own and j == i)
        ]
        same, other = ([s for s, match in pairs if match == wanted] for wanted in (True, False))
        if miner:
            hard = (
                [s for s in same if s - 0.1 < max(other)],
                [s for s in other if s + 0.1 > min(same)],
            )
        else:
            hard = same, other
        pull, push = (torch.stack(some) if some else x.new_zeros(0) for some in hard)
        total = total + torch.log(1 + torch.exp(-2 * (pull - 0.5)).sum()) / 2
        total = total + torch.log(1 + torch.exp(50 * (push - 0.5)).sum()) / 50
    return total / len(x)


@pytest.mark.parametrize("miner", [MINER, None])
def test_a_batch_is_compared_with_itself_and_the_memory(make, miner):
    method = make(memory=dict(size=20), miner=miner)
    raw = torch.randn(6, 8, requires_grad=True)
    x = F.normalize(raw, dim=1)
    y = torch.tensor([0, 0, 1, 1, 2, 2])
    wanted = slow(x, y, x, y, miner is not None)
    torch.testing.assert_close(method.metric_terms(x, y)["loss_metric"], wanted)
    past = F.normalize(torch.randn(5, 8), dim=1), torch.tensor([0, 1, 2, 3, 4])
    method.memory.write(*past)
    others = torch.cat((x, past[0])), torch.cat((y, past[1]))
    wanted = slow(x, y, *others, miner is not None)
    losses = method.metric_terms(x, y)
    assert set(losses) == {"loss_metric"}
    torch.testing.assert_close(losses["loss_metric"], wanted)
    grads = [
        torch.autograd.grad(loss, raw, retain_graph=True)[0]
        for loss in (losses["loss_metric"], wanted)
    ]
    torch.testing.assert_close(*grads)


def test_a_memory_with_a_loss_of_its_own(make):
    method = make(memory=dict(size=20, loss=CONTRASTIVE, weight=0.3))
    raw = torch.randn(6, 8, requires_grad=True)
    x = F.normalize(raw, dim=1)
    y = torch.tensor([0, 0, 1, 1, 2, 2])
    past = F.normalize(torch.randn(5, 8), dim=1), torch.tensor([0, 1, 2, 3, 4])
    assert set(method.metric_terms(x, y)) == {"loss_metric"}
    method.memory.write(*past)
    losses = method.metric_terms(x, y)
    torch.testing.assert_close(losses["loss_metric"], slow(x, y, x, y))
    pull, push = [], []
    for i in range(6):
        for z, k in zip(*past, strict=True):
            term = 1 - x[i] @ z if k == y[i] else x[i] @ z - 0.5
            (pull if k == y[i] else push).append(term.clamp(min=0))
    means = [sum(some) / max(1, sum(s > 0 for s in some)) for some in (pull, push)]
    torch.testing.assert_close(losses["loss_memory"], 0.3 * sum(means))
    grads = [
        torch.autograd.grad(v, raw, retain_graph=True)[0]
        for v in (losses["loss_memory"], 0.3 * sum(means))
    ]
    torch.testing.assert_close(*grads)


def test_the_memory_is_read_then_written_and_holds_no_gradient(make):
    method = make(memory=dict(size=8))
    inputs, samples = batch()
    with torch.no_grad():
        embedding = method.run(method.student, inputs["labeled"]).logits.flatten(1)
    first = method.loss(inputs, samples)["loss_metric"]
    label = torch.tensor([0, 0, 1, 1, 2, 2])
    torch.testing.assert_close(first, slow(embedding, label, embedding, label))
    torch.testing.assert_close(method.memory.read(), (embedding, label))
    second = method.loss(inputs, samples)["loss_metric"]
    others = torch.cat((embedding, embedding)), torch.cat((label, label))
    torch.testing.assert_close(second, slow(embedding, label, *others))
    second.backward()
    assert not method.memory.embedding.requires_grad and len(method.memory) == 8
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.student.parameters())


def test_a_momentum_memory_holds_what_the_teacher_says(make):
    memory = dict(size=8, network="teacher", loss=CONTRASTIVE)
    method = make(memory=memory, teacher=dict(momentum=0.1))
    with torch.no_grad():
        for p in method.teacher.parameters():
            p.add_(0.1 * torch.randn_like(p))
    inputs, samples = batch()
    method.loss(inputs, samples)
    wanted = method.run_frozen("teacher", inputs["labeled"]).logits.flatten(1)
    torch.testing.assert_close(method.memory.read()[0], wanted)
    assert not torch.allclose(
        wanted, method.run(method.student, inputs["labeled"]).logits[..., 0, 0]
    )


def test_the_memory_begins_later_if_asked(make):
    method = make(memory=dict(size=8, start=3))
    for step, count in ((0, 0), (2, 0), (3, 6), (4, 8)):
        MessageHub.get_current_instance().update_info("iter", step)
        method.loss(*batch())
        assert len(method.memory) == count


def test_new_clusters_empty_the_memory(make):
    method = make(memory=dict(size=8))
    method.loss(*batch())
    method.set_clusters(torch.tensor([0, 1, 1]), torch.randn(2, 8))
    assert len(method.memory) == 0 and len(method.clusters) == 2


def test_further_terms_see_embeddings_and_labels(make, monkeypatch):
    seen = []

    def extra(self, outputs, label, data_samples):
        seen.append((outputs, label, data_samples))
        return {"loss_extra": outputs[0].logits.sum()}

    monkeypatch.setattr(MetricLearning, "extra_terms", extra)
    losses = make(memory=None).loss(*batch())
    assert set(losses) == {"loss_metric", "loss_extra"}
    ((outputs, label, samples),) = seen
    assert outputs[0].logits.shape == (6, 8, 1, 1) and label.tolist() == [0, 0, 1, 1, 2, 2]
    assert len(samples["labeled"]) == 6


TRIPLETS = dict(type="TripletMarginMiner", margin=9.0, type_of_triplets="all")


@pytest.mark.parametrize("miner", [MINER, None, TRIPLETS])
@pytest.mark.parametrize("count", [1, 3])
def test_no_image_is_paired_with_itself(make, miner, count):
    method = make(memory=dict(size=4), miner=miner)
    x, y = F.normalize(torch.randn(count, 8), dim=1), torch.tensor([0, 0, 1])[:count]
    others = torch.cat((x, x[:1], x[:1])), torch.cat((y, torch.tensor([0, 5])))
    anchor, same, *rest = method.mine(x, y, *others)
    assert len(anchor) and (anchor != same).all()
    if miner is None:
        wanted = [(i, j) for i in range(count) for j in range(count + 2) if i != j]
        wanted = [(i, j) for i, j in wanted if y[i] == others[1][j]]
        assert list(zip(anchor.tolist(), same.tolist(), strict=True)) == wanted
    if len(rest) == 1:
        assert len(rest[0]) == len(anchor) and (y[anchor] != others[1][rest[0]]).all()
    else:
        assert (y[rest[0]] != others[1][rest[1]]).all()


@pytest.mark.parametrize("labels", [[0], [0, 0], [0, 1, 2], [1, 1, 1, 1]])
@pytest.mark.parametrize("memory", [None, dict(size=3), dict(size=3, loss=CONTRASTIVE)])
def test_batches_without_pairs(make, labels, memory):
    method = make(memory=memory)
    method.student.eval()  # batch norm has no statistics of one image
    for _ in range(2):
        losses = method.loss(*batch(labels))
        sum(losses.values()).backward()
        assert all(torch.isfinite(value) for value in losses.values())
    grads = [p.grad for p in method.student.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)


def test_proxies_are_parameters_and_may_be_missing_in_a_checkpoint(make):
    proxies = dict(type="ProxyAnchorLoss", num_classes=3, embedding_size=8)
    method = make(metric_loss=proxies, miner=None)
    assert "metric_loss.proxies" in dict(method.named_parameters())
    method.loss(*batch())["loss_metric"].backward()
    assert method.metric_loss.proxies.grad.abs().sum() > 0
    plain = make(memory=dict(size=4)).state_dict()
    plain = {key: value for key, value in plain.items() if key.startswith("student.")}
    before = method.metric_loss.proxies.detach().clone()
    method.load_state_dict(plain)
    torch.testing.assert_close(method.metric_loss.proxies.detach(), before)


def test_what_is_remembered_is_part_of_a_checkpoint(make):
    one, two = make(memory=dict(size=7)), make(memory=dict(size=7))
    one.loss(*batch())
    one.clusters.set(torch.tensor([0, 1, 1]), torch.randn(2, 8))
    two.load_state_dict(one.state_dict())
    torch.testing.assert_close(one.memory.read(), two.memory.read())
    assert two.clusters.label.tolist() == [0, 1, 1]


def test_bfloat16_changes_little(make):
    method = make(memory=dict(size=7))
    data = batch()
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = method.loss(*data)["loss_metric"]
        assert found.dtype == torch.float32 and found.isfinite()
    assert method.memory.embedding.dtype == torch.float32


PROXIES = dict(type="ProxyAnchorLoss", num_classes=3, embedding_size=8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(memory=dict(start=3)), "model.memory .*dict.size=N.*got {.start.: 3}"),
        (dict(memory=dict(size=3, full=1)), "model.memory .*loss, n.*got {.size.: 3"),
        (dict(memory=dict(size=3, network="teacher")), "has no network 'teacher'"),
        (
            dict(metric_loss=PROXIES, miner=None, memory=dict(size=3)),
            "got ProxyAnchorLoss.*model.memory.loss=",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_classifier_has_no_embedding(build):
    with pytest.raises(ValueError, match=r"got ImageLevelHead. Set decode_head=dict\(type="):
        build("MetricLearning", student=toy_classifier(), metric_loss=LOSS)


@pytest.mark.parametrize(("labeled", "classes"), [(9, "abcd"), (9, "abc"), (0, "abcd")])
def test_every_labeled_class_needs_a_proxy(make, labeled, classes):
    part = SimpleNamespace(image_level=True)
    dataset = SimpleNamespace(
        labeled=part, num_labeled=labeled, metainfo={"classes": tuple(classes)}
    )
    method = make(metric_loss=PROXIES, miner=None)
    if labeled and len(classes) > 3:
        match = r"num_classes .*4.*\(a, b, c, ...\), but got 3. Set it to 4"
        with pytest.raises(ValueError, match=match):
            method.check_dataset(dataset)
    else:
        method.check_dataset(dataset)


@pytest.mark.parametrize(("images", "warns"), [(9, False), (8, True)])
def test_warns_of_a_memory_larger_than_the_training_set(make, monkeypatch, images, warns):
    part, logged = SimpleNamespace(image_level=True), []
    monkeypatch.setattr(metric_learning, "print_log", lambda text, **options: logged.append(text))
    dataset = SimpleNamespace(
        labeled=part, num_labeled=2, num_unlabeled=images - 2, metainfo={"classes": ("a",)}
    )
    make(memory=dict(size=9)).check_dataset(dataset)
    assert [text.endswith("Set it to 8.") for text in logged] == [True] * warns


def test_masks_are_refused(make):
    class Masks:
        labeled = SimpleNamespace(image_level=False)

    with pytest.raises(ValueError, match="MetricLearning needs, but the labels of .* are masks"):
        make().check_dataset(Masks())
