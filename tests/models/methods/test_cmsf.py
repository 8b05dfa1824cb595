# SPDX-License-Identifier: Apache-2.0
"""CMSF against steps written out from the paper, and BYOL and MSF as what it generalises."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import mean_shift, nearest
from rankseg.testing.toy import toy_class_batch, toy_classifier

PREDICTOR = dict(type="Projector", hidden_channels=16, norm=True, normalize=False)
TEACHER = dict(momentum=0.2, buffers=False)
CLASSIFIER = dict(type="Projector", hidden_channels=16, normalize=False)
TAP = "decode_head.branches.projection"


@pytest.fixture
def cmsf(build):
    def make(**options):
        student = toy_classifier()
        student.decode_head.probe = True
        student.decode_head.branches = dict(
            projection=dict(
                type="Projector", hidden_channels=16, out_channels=8, norm=True, normalize=False
            )
        )
        options = dict(
            predictor=PREDICTOR, teacher=TEACHER, memory_size=10, num_images=8, **options
        )
        return build("CMSF", student=student, **options)

    return make


def batch(numbers, seed, twin=False):
    """Unlabelled images with these numbers; as many labelled ones."""
    torch.manual_seed(seed)
    inputs, samples = toy_class_batch(len(numbers), len(numbers), 17, twin=twin)
    for some in samples.values():
        for number, sample in zip(numbers, some, strict=True):
            sample.set_metainfo({"sample_idx": number})
    return inputs, samples


PASSES = [[[0, 1, 2, 3], [4, 5, 6, 7]], [[3, 1, 4, 0], [2, 6, 5, 7]], [[7, 3, 0, 2], [5, 1, 6, 4]]]
BATCHES = sum(PASSES, [])


def embed(network, images):
    """Projections of images."""
    pooled = network.extract_feat(images)[-1].mean((2, 3))
    return network.get_submodule(TAP)(pooled)


def both(method, online, target):
    """``v`` and ``u`` of two views."""
    u = F.normalize(embed(method.teacher.module, target).detach(), dim=1)
    return F.normalize(method.predictor(embed(method.student, online)), dim=1), u


def distance(v, neighbors):
    """Mean over the neighbors of ``2 - 2 cos``."""
    return sum(2 - 2 * (v @ z) for z in neighbors) / len(neighbors)


def closest(query, candidates, k):
    """The ``k`` candidates (key, feature) that are most similar, as keys."""
    return [key for key, z in sorted(candidates, key=lambda one: -float(query @ one[1]))[:k]]


def assert_same_training(method, other, reference, steps=BATCHES, twin=False):
    """A method and a step written out give the same losses and gradients, step by step.

    Both make every step from the same weights, since rounding grows from step to step.
    """
    optimizer = torch.optim.SGD(method.parameters(), 0.05)
    for seed, numbers in enumerate(steps):
        other.load_state_dict(method.state_dict())
        inputs, samples = batch(numbers, seed, twin)
        losses = method.loss(inputs, samples)
        wanted = reference(other, inputs, samples, numbers)
        torch.testing.assert_close(losses["loss_shift"], wanted, rtol=1e-4, atol=1e-5)
        for one, loss in ((method, losses["loss_shift"]), (other, wanted)):
            one.zero_grad()
            loss.backward()
        pairs = zip(method.named_parameters(), other.parameters(), strict=True)
        for (name, mine), theirs in pairs:
            if theirs.grad is not None:
                gap = (mine.grad - theirs.grad).norm()
                assert gap <= 1e-3 * theirs.grad.norm() + 1e-6, name
        optimizer.step()
        method.update_teacher()


def byol(method, inputs, samples, numbers):
    """A step of BYOL; it knows of no memory."""
    v, u = both(method, inputs["strong1"], inputs["weak"])
    return (2 - 2 * (v * u).sum(1)).mean()


def test_one_neighbor_is_byol(cmsf):
    for constraint in (None, "previous"):
        options = dict(k=1, constraint=constraint)
        assert_same_training(cmsf(**options), cmsf(**options), byol)


class Msf:
    """Steps of MSF: a queue of targets, and the nearest of it."""

    def __init__(self, k, size=10):
        self.k, self.size, self.queue = k, size, []

    def __call__(self, method, inputs, samples, numbers):
        v, u = both(method, inputs["strong1"], inputs["weak"])
        self.queue = (self.queue + list(u))[-self.size :]
        keyed = list(enumerate(self.queue))
        rows = [
            distance(v_i, [self.queue[j] for j in closest(u_i, keyed, self.k)])
            for v_i, u_i in zip(v, u, strict=True)
        ]
        return sum(rows) / len(rows)


@pytest.mark.parametrize("k", [3, 50])
def test_no_constraint_is_msf(cmsf, k):
    options = dict(k=k, constraint=None)
    assert_same_training(cmsf(**options), cmsf(**options), Msf(k))


def test_a_constraint_that_leaves_all_is_msf(cmsf):
    options = dict(k=3, constraint="previous", search=10, free_share=0.0)
    assert_same_training(cmsf(**options), cmsf(**options), Msf(3))


class Self:
    """Steps of CMSF without labels, section 2.1: neighbors in ``M'`` limit those in ``M``."""

    def __init__(self, k, search):
        self.k, self.search, self.queue, self.cache = k, search, [], {}
        self.constrained = 0

    def __call__(self, method, inputs, samples, numbers):
        v, u = both(method, inputs["strong1"], inputs["weak"])
        for number, u_i in zip(numbers, u, strict=True):
            self.queue.append((u_i, self.cache.get(number)))
        self.queue = self.queue[-10:]
        rows = []
        for number, v_i, u_i in zip(numbers, v, u, strict=True):
            every = [(j, z) for j, (z, _) in enumerate(self.queue)]
            free = distance(v_i, [self.queue[j][0] for j in closest(u_i, every, self.k)])
            if all(w is not None for _, w in self.queue):
                known = [(j, w) for j, (_, w) in enumerate(self.queue)]
                w_i = self.cache[number]
                self.constrained += 1
                inside = [(j, self.queue[j][0]) for j in closest(w_i, known, self.search)]
                chosen = [self.queue[j][0] for j in closest(u_i, inside, self.k)]
                free = (free + distance(v_i, chosen)) / 2
            rows.append(free)
        for number, u_i in zip(numbers, u, strict=True):
            self.cache[number] = u_i.half().float()
        return sum(rows) / len(rows)


@pytest.mark.parametrize(("k", "search"), [(2, 2), (2, 4), (4, 2)])
def test_without_labels(cmsf, k, search):
    options, reference = dict(k=k, search=search), Self(k, search)
    assert_same_training(cmsf(**options), cmsf(**options), reference)
    assert reference.constrained == 8, "those of the third pass, when the memory has lost the first"


class Labelled:
    """Steps of CMSF with labels, section 2.2, and of the rest without (CMSF semi-basic)."""

    def __init__(self, k, top_all=False, guess=None):
        self.k, self.top_all, self.guess, self.queue = k, top_all, guess, []

    def __call__(self, method, inputs, samples, numbers):
        online = torch.cat([inputs["labeled_twin"], inputs["strong1"]])
        v, u = both(method, online, torch.cat([inputs["labeled"], inputs["weak"]]))
        labels = [sample.gt_sem_seg.data.item() for sample in samples["labeled"]]
        labels += [self.guess(method, u_i) if self.guess else None for u_i in u[len(labels) :]]
        self.queue = (self.queue + list(zip(labels, u, strict=True)))[-10:]
        rows = []
        for label, v_i, u_i in zip(labels, v, u, strict=True):
            inside = [(j, z) for j, (y, z) in enumerate(self.queue) if label is None or y == label]
            k = len(inside) if self.top_all and label is not None else self.k
            rows.append(distance(v_i, [self.queue[j][1] for j in closest(u_i, inside, k)]))
        return sum(rows) / len(rows)


@pytest.mark.parametrize("top_all", [False, True])
def test_with_labels(cmsf, top_all):
    options = dict(k=2, constraint="label", free_share=0.0, top_all=top_all)
    reference = Labelled(2, top_all)
    assert_same_training(cmsf(**options), cmsf(**options), reference, twin=True)


def guess(method, u):
    """The class that the classifier is sure of."""
    confidence, label = method.classifier(u[None]).softmax(1).max(1)
    return label.item() if confidence >= 0.6 else None


def test_with_confident_pseudo_labels(cmsf):
    options = dict(k=2, constraint="label", free_share=0.0, threshold=0.6)
    options |= dict(classifier=CLASSIFIER, bank_size=8)
    method, other = cmsf(**options), cmsf(**options)
    with torch.no_grad():
        method.classifier.layers[-1].weight.mul_(6)  # sure of some and not of others
    method.set_classifier(method.classifier.state_dict())
    assert_same_training(method, other, Labelled(2, guess=guess), twin=True)
    kinds = method.memory.label
    assert (kinds == -1).any() and len(kinds.unique()) > 2


def test_no_pseudo_label_before_the_classifier_is_trained(cmsf):
    options = dict(constraint="label", classifier=CLASSIFIER, bank_size=8, threshold=0.0)
    method = cmsf(**options)
    assert method.views == ("labeled", "labeled_twin", "weak", "strong1")
    first = method.loss(*batch(BATCHES[0], 0, twin=True))
    assert first["constrained"] == 0.5 and (method.memory.label[4:8] == -1).all()
    method.set_classifier(method.classifier.state_dict())
    assert method.loss(*batch(BATCHES[1], 1, twin=True))["constrained"] == 1
    feature, label = method.labeled_features()
    assert feature.shape == (8, 8) and label.shape == (8,)


def test_the_classifier_is_to_learn_from_the_latest_targets_and_given_classes(cmsf):
    method = cmsf(constraint="label", classifier=CLASSIFIER, bank_size=8)
    inputs, samples = batch(BATCHES[0], 0, twin=True)
    method.loss(inputs, samples)
    for place, sample in enumerate(samples["labeled"]):  # these enter the memory first
        assert method.bank.label[sample.sample_idx] == sample.gt_sem_seg.data.item()
        torch.testing.assert_close(
            method.bank.feature[sample.sample_idx], method.memory.feature[place]
        )
    assert len({sample.gt_sem_seg.data.item() for sample in samples["labeled"]}) > 1
    feature, label = method.labeled_features()
    assert len(feature) == len(label) == len(samples["labeled"])


def test_labels_train_a_probe_and_nothing_else(cmsf):
    method = cmsf(constraint="label")
    losses = method.loss(*batch(BATCHES[0], 0, twin=True))
    losses["loss_x"].backward()
    moved = {name for name, one in method.named_parameters() if one.grad is not None}
    assert moved == {f"student.decode_head.conv_seg.{part}" for part in ("weight", "bias")}


def test_further_crops_are_the_mean_of_the_views(cmsf):
    method = cmsf(constraint=None, crops=2, k=2)
    assert method.views == ("weak", "strong1", "strong2", "strong3")
    inputs, samples = batch(BATCHES[0], 0)
    for view in ("strong2", "strong3"):
        inputs[view] = torch.randn(4, 3, 11, 11)
    method.student.eval()  # batch statistics differ between one pass and two
    method.predictor.eval()
    found = method.loss(inputs, samples)["loss_shift"]
    u = method.memory.feature[:4]
    chosen = nearest(u @ method.memory.feature.T, 2, method.memory.written)
    terms = []
    for view in ("strong1", "strong2", "strong3"):
        v = F.normalize(method.predictor(embed(method.student, inputs[view])), dim=1)
        terms.append(mean_shift(v, method.memory.feature, chosen).mean())
    torch.testing.assert_close(found, sum(terms) / 3)


@pytest.mark.parametrize("options", [
    dict(k=2), dict(k=2, constraint="label", classifier=CLASSIFIER, bank_size=8, threshold=0.3),
])  # fmt: skip
def test_goes_on_in_the_middle_of_a_pass(cmsf, options):
    one, other = cmsf(**options), cmsf(**options)
    twin = "classifier" in options
    if twin:
        one.set_classifier(one.classifier.state_dict())
    for seed, numbers in enumerate(BATCHES[:3]):
        one.loss(*batch(numbers, seed, twin))
        one.update_teacher()
    other.load_state_dict(one.state_dict())
    for seed, numbers in enumerate(BATCHES[2:]):
        found, wanted = (method.loss(*batch(numbers, 10 + seed, twin)) for method in (other, one))
        assert {k: v.item() for k, v in found.items()} == {k: v.item() for k, v in wanted.items()}
        for method in (one, other):
            method.update_teacher()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_starts_from_a_plain_segmentor(cmsf):
    method, other = cmsf(), cmsf()
    other.load_state_dict(dict(method.student.state_dict()))
    assert torch.equal(
        other.student.decode_head.conv_seg.weight, method.student.decode_head.conv_seg.weight
    )
    assert not other.memory.written.any()


class Data(SimpleNamespace):
    labeled = SimpleNamespace(image_level=True)


def test_numbers_must_fit_the_data(cmsf):
    cmsf().check_dataset(Data(num_unlabeled=8, num_labeled=0))
    with pytest.raises(ValueError, match="num_images .*unlabeled images, 9, but got 8"):
        cmsf().check_dataset(Data(num_unlabeled=9, num_labeled=0))
    semi = cmsf(constraint="label", classifier=CLASSIFIER, bank_size=8)
    with pytest.raises(ValueError, match="bank_size .* labeled images, 3, but got 8"):
        semi.check_dataset(Data(num_unlabeled=9, num_labeled=3))
    with pytest.raises(ValueError, match="which CMSF needs, but .* are masks"):
        cmsf().check_dataset(SimpleNamespace(labeled=SimpleNamespace(image_level=False)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(k=0), "model.k .*got 0"),
        (dict(search=0), "model.search .*got 0"),
        (dict(crops=-1), "model.crops .*got -1"),
        (dict(free_share=1.5), r"model.free_share .*got 1.5"),
        (dict(threshold=-1), "model.threshold .*got -1"),
        (dict(constraint="class"), "model.constraint .*got 'class'"),
        (dict(classifier=CLASSIFIER), "model.classifier .*constraint='label'"),
        (dict(constraint="label", crops=1), "model.crops .*got 1.*crops=0"),
        (dict(embedding_tap="decode_head.pool"), "a Projector, but got a ImagePool"),
    ],
)
def test_bad_options(cmsf, options, message):
    with pytest.raises(ValueError, match=message):
        cmsf(**options)


def test_a_target_network_is_needed(build):
    with pytest.raises(ValueError, match="target network of CMSF, but got None. Set model.teacher"):
        build("CMSF", student=toy_classifier(), predictor=PREDICTOR)


def test_a_third_view_takes_the_place_of_the_previous_epoch(cmsf):
    method, memory = cmsf(constraint="third", k=2, search=3), []
    assert method.views == ("weak", "strong1", "strong2") and method.previous is None
    method.student.eval()
    for seed in range(3):
        torch.manual_seed(seed)
        inputs, samples = toy_class_batch(4, 4, 17, crops=1)
        found = method.loss(inputs, samples)
        v, u = both(method, inputs["strong1"], inputs["weak"])
        w = F.normalize(embed(method.teacher.module, inputs["strong2"]).detach(), dim=1)
        memory = [*memory, *zip(u, w, strict=True)][-10:]
        rows = []
        for i in range(4):
            keyed = list(enumerate(other for _, other in memory))
            allowed = closest(w[i], keyed, 3)
            near = closest(u[i], [(j, memory[j][0]) for j in allowed], 2)
            free = closest(u[i], [(j, z) for j, (z, _) in enumerate(memory)], 2)
            rows += [distance(v[i], [memory[j][0] for j in chosen]) for chosen in (near, free)]
        torch.testing.assert_close(found["loss_shift"], sum(rows) / 8, rtol=1e-4, atol=1e-5)
        assert found["constrained"] == 1, "from the first step on"


def test_a_third_view_leaves_no_other_crops(cmsf):
    with pytest.raises(ValueError, match="model.crops .*got 2"):
        cmsf(constraint="third", crops=2)
