# SPDX-License-Identifier: Apache-2.0
"""LMCS against a step written out from the chapter, and what its networks begin and end as."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from rankseg.models.methods import mixmatch
from rankseg.models.weights.transfer import reinit_classifier
from rankseg.testing.toy import COMPOSED, toy_class_batch, toy_classifier

PART = COMPOSED["feature_part"]
SHARE = torch.tensor([0.9, 0.6, 0.5, 1.0, 0.8, 0.7, 0.55, 0.65, 0.75, 0.85, 0.95, 0.52])
PARTNER = torch.tensor([4, 3, 9, 3, 0, 1, 2, 8, 5, 7, 11, 10])


@pytest.fixture
def lmcs(build):
    def make(**options):
        options = {"teacher": dict(momentum=0.1), **COMPOSED, **options}
        return build("LMCS", student=toy_classifier(), **options)

    return make


@pytest.fixture
def drawn(monkeypatch):
    """Shares and partners of twelve images: four labelled ones, four others in two views."""
    monkeypatch.setattr(mixmatch, "draw_mixup", lambda count, alpha: (SHARE, PARTNER))
    return toy_class_batch()


def shake(*networks):
    """Make networks differ, and their predictions from image to image."""
    with torch.no_grad():
        for network in networks:
            for value in network.state_dict().values():
                if value.is_floating_point():
                    value.mul_(1 + 0.2 * torch.rand_like(value))
            network.decode_head.conv_seg.weight *= 20


def shaken(lmcs, **options):
    """A method in the middle of a run, in eval mode, so that images can run one by one."""
    method = lmcs(**options).eval()
    torch.manual_seed(2)
    shake(method.student, method.teacher.module, method.previous)
    shake(method.composition.decision, method.master.module.decision)
    for converter in (*method.composition.converters, *method.master.module.converters):
        torch.nn.init.normal_(converter.weight, std=0.15)
    method.centres.normal_()
    method.clustered.fill_(1)
    return method


def composed(method, composition, image):
    """Logits and feature of one image by a composition, stage by stage."""
    fused = 0
    networks = method.student, method.teacher.module, method.previous
    for network, converter in zip(networks, composition.converters, strict=True):
        with torch.no_grad():
            x = image[None]
            for name in PART:
                x = network.get_submodule(name)(x)
        fused = fused + converter(x)
    feature = composition.decision.backbone.layer4(fused).mean((2, 3))
    return composition.decision.decode_head.conv_seg(feature[..., None, None]).flatten(), feature[0]


def written_out(method, inputs, samples, known):
    """All terms, image by image: MixMatch guided by the master, and eq. 3.5 to 3.7."""
    master, learned = method.master.module, method.composition
    eye = torch.eye(3)
    labels = [eye[sample.gt_sem_seg.data.item()] for sample in samples["labeled"]]
    guesses = []
    for i in range(4):
        with torch.no_grad():
            both = [
                composed(method, master, inputs[v][i])[0].softmax(0) for v in ("weak", "strong1")
            ]
        mean = sum(both) / 2
        guesses.append(mean**2 / (mean**2).sum())
    rows = [known[i % len(known)] for i in range(4)]
    images = [inputs["labeled"][i] for i in rows] + [*inputs["weak"], *inputs["strong1"]]
    targets = [labels[i] for i in rows] + 2 * guesses
    terms = dict.fromkeys(("x", "u", "master_x", "master_c", "master_d"), 0)
    for i in range(12):
        image = SHARE[i] * images[i] + (1 - SHARE[i]) * images[PARTNER[i]]
        target = SHARE[i] * targets[i] + (1 - SHARE[i]) * targets[PARTNER[i]]
        p = (
            method.student.decode_head(method.student.extract_feat(image[None]))
            .flatten()
            .softmax(0)
        )
        if i < 4:
            terms["x"] = terms["x"] - (target * p.log()).sum() / 4
        else:
            terms["u"] = terms["u"] + 75 * ((target - p) ** 2).sum() / (3 * 8)
    for image, label in zip(inputs["labeled"], labels, strict=True):
        p = composed(method, learned, image)[0].softmax(0)
        terms["master_x"] = terms["master_x"] - 2 * (label * p.log()).sum() / 4
    teacher = method.teacher.module
    for image in inputs["weak"]:
        logits, feature = composed(method, learned, image)
        with torch.no_grad():
            wanted = teacher.decode_head(teacher.extract_feat(image[None])).flatten().softmax(0)
        gap = ((logits.softmax(0) - wanted) ** 2).sum()
        terms["master_c"] = terms["master_c"] + 3 * gap / (3 * 4)
        near, far = ((method.centres - feature) ** 2).sum(1).sqrt().sort().values[:2]
        terms["master_d"] = terms["master_d"] + 0.5 * (1 - ((far - near) / (far + near)) ** 2) / 4
    return {f"loss_{name}": term for name, term in terms.items()}


WEIGHTS = dict(label_weight=2.0, consistency_weight=3.0, discriminative_weight=0.5)


@pytest.mark.parametrize("ahead", [(), (1, 2)])
def test_step_equals_the_chapter(lmcs, drawn, ahead):
    method = shaken(lmcs, **WEIGHTS)
    inputs, samples = drawn
    with torch.no_grad():  # centres that some images are near to
        near = [composed(method, method.composition, image)[1] for image in inputs["weak"][:3]]
    method.centres.copy_(torch.stack(near) * 1.1)
    discover(method, samples, ahead)
    losses = method.loss(inputs, samples)
    wanted = written_out(method, inputs, samples, [i for i in range(4) if i not in ahead])
    for name, term in wanted.items():
        torch.testing.assert_close(losses[name], term, rtol=2e-3, atol=1e-6)
    assert losses["look_ahead"] == len(ahead) / 4
    found = sum(term for name, term in losses.items() if "loss" in name)
    weights = [
        method.student.decode_head.conv_seg.weight,
        method.student.backbone.layer1[0].conv1.weight,
        method.composition.converters[2].weight,
        method.composition.decision.decode_head.conv_seg.weight,
    ]
    for mine, theirs in zip(
        torch.autograd.grad(found, weights),
        torch.autograd.grad(sum(wanted.values()), weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=5e-3, atol=1e-5)


@pytest.mark.parametrize("buffers", [False, True])
def test_in_training_networks_normalize_by_the_batch_and_keep_their_statistics(
    lmcs, drawn, buffers
):
    method = shaken(lmcs, teacher=dict(momentum=0.1, buffers=buffers)).train()
    images = torch.cat([drawn[0][view] for view in ("labeled", "weak", "strong1")])
    before = copy.deepcopy(method.state_dict())
    maps, logits = method.features(images)
    for name, value in method.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert method.student.training and not method.previous.training
    networks = copy.deepcopy((method.student, method.teacher.module, method.previous))
    for number, network in enumerate(networks):
        network.train(number != 1 or not buffers)
        x = images
        for name in PART:
            x = network.get_submodule(name)(x)
        torch.testing.assert_close(maps[number], x)
        if number == 1:
            said = network.decode_head(network.extract_feat(images)).flatten(1)
            torch.testing.assert_close(logits, said)


def test_norms_that_stay_in_eval_mode_do_so_here(lmcs, drawn):
    method = shaken(lmcs)
    wanted = method.features(drawn[0]["weak"])[0][0]
    method.student.backbone.norm_eval = True
    torch.testing.assert_close(method.train().features(drawn[0]["weak"])[0][0], wanted)


def discover(method, samples, places):
    """Put labelled samples into the pool, each in a discovery of its own but for the last two."""
    for place in places:
        samples["labeled"][place].set_metainfo({"sample_idx": 100 + place})
    steps = [max(0, len(places) - 2)] * len(places)
    for number, place in enumerate(places):
        label = samples["labeled"][place].gt_sem_seg.data.flatten()
        step = min(number, steps[number])
        method.pool.add(torch.tensor([100 + place]), label, 0, step)


def test_the_student_learns_from_the_discoveries_before_the_latest(lmcs):
    method = lmcs()
    _, samples = toy_class_batch()
    assert method.known_rows(samples["labeled"])[1].all()
    discover(method, samples, (0, 3, 1))
    assert method.pool.step.tolist() == [0, 1, 1]
    rows, known = method.known_rows(samples["labeled"])
    assert known.tolist() == [True, False, True, False]  # image 0 is of the discovery before
    assert rows.tolist() == [0, 2, 0, 2]
    method.pool.add(torch.tensor([500]), torch.tensor([0]), 1, 0)  # a new generation
    assert method.known_rows(samples["labeled"])[1].all()
    method.pool.add(torch.tensor([0]), torch.tensor([0]), 1, 1)
    assert lmcs(look_ahead=False).known_rows(samples["labeled"])[1].all()


def test_labels_of_the_look_ahead_reach_the_master_only(lmcs, drawn):
    inputs, samples = drawn
    method = shaken(lmcs)
    discover(method, samples, (1, 2))
    before = method.loss(inputs, samples)
    for place in (1, 2):
        data = samples["labeled"][place].gt_sem_seg.data
        data.copy_((data + 1) % 3)
        inputs["labeled"][place] += 1
    after = method.loss(inputs, samples)
    assert before["loss_x"] == after["loss_x"] and before["loss_u"] == after["loss_u"]
    assert before["loss_master_x"] != after["loss_master_x"]


def test_a_batch_of_look_ahead_alone_teaches_the_student_no_label(lmcs, drawn):
    inputs, samples = drawn
    method = shaken(lmcs)
    for sample in samples["labeled"]:
        sample.set_metainfo({"sample_idx": 100})
    method.pool.add(torch.tensor([100]), torch.tensor([1]), 0, 0)
    losses = method.loss(inputs, samples)
    assert losses["loss_x"] == 0 and losses["look_ahead"] == 1 and losses["loss_master_x"] > 0


def test_each_network_learns_from_its_own_terms(lmcs):
    method = lmcs()
    method.clustered.fill_(1)
    losses = method.loss(*toy_class_batch())
    own = {"student": [], "composition": []}
    for name, parameter in method.named_parameters():
        part = name.split(".")[0]
        assert parameter.requires_grad == (part in own), name
        if part in own and "branches" not in name:
            own[part].append(parameter)
    for terms, mine, other in (
        (("x", "u"), "student", "composition"),
        (("master_x", "master_c", "master_d"), "composition", "student"),
    ):
        total = sum(losses[f"loss_{term}"] for term in terms)
        grads = [
            torch.autograd.grad(total, own[part], retain_graph=True, allow_unused=True)
            for part in (mine, other)
        ]
        assert all(grad is not None for grad in grads[0])
        assert all(grad is None for grad in grads[1])


def test_before_it_starts_the_guesses_are_those_of_mixmatch(lmcs, build, drawn):
    method = lmcs(master_start=3)
    other = build("MixMatch", student=toy_classifier())
    other.student.load_state_dict(method.student.state_dict())
    hub = MessageHub.get_current_instance()
    hub.update_info("iter", 2)
    shake(method.master.module.decision)
    inputs, samples = drawn
    wanted, found = other.loss(inputs, samples), method.loss(inputs, samples)
    for name in ("loss_x", "loss_u"):
        torch.testing.assert_close(found[name], wanted[name])
    hub.update_info("iter", 3)
    assert not torch.isclose(method.loss(inputs, samples)["loss_u"], wanted["loss_u"])


def test_without_centers_there_is_no_discriminative_loss(lmcs):
    method, batch = lmcs(), toy_class_batch()
    assert method.loss(*batch)["loss_master_d"] == 0
    method.end_step(torch.randn(3, 64))
    assert method.loss(*batch)["loss_master_d"] > 0
    assert method.needs_centers and not lmcs(discriminative_weight=0.0).needs_centers


def test_the_end_of_a_step_keeps_the_student(lmcs):
    method = lmcs()
    shake(method.student)
    before = copy.deepcopy(method.student.state_dict())
    method.end_step()
    shake(method.student)
    for name, value in method.previous.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert method.clustered == 0


def test_the_master_follows_the_composition(lmcs):
    method = lmcs(master_momentum=0.25)
    method.update_teacher()  # the first one copies
    old = method.composition.converters[0].weight.detach().clone()
    with torch.no_grad():
        method.composition.converters[0].weight.add_(1)
    method.update_teacher()
    torch.testing.assert_close(method.master.module.converters[0].weight.data, old + 0.25)
    assert method.train().composition.training
    assert not method.master.training and not method.previous.training
    assert not method.teacher.training


def test_everything_begins_as_the_student(lmcs):
    method = lmcs().eval()
    image = torch.randn(2, 3, 33, 33)
    whole = method.network("master")
    found = whole.decode_head(whole.extract_feat(image))
    wanted = method.student.decode_head(method.student.extract_feat(image))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)
    assert method.network("student") is method.student


@pytest.mark.parametrize("source", ["plain", "method"])
def test_starts_from_a_checkpoint_of_a_student(lmcs, build, source):
    first = build("MixMatch", student=toy_classifier(), teacher=dict(momentum=0.1))
    shake(first.student, first.teacher.module)
    state = (first.student if source == "plain" else first).state_dict()
    method = lmcs()
    method.load_state_dict(dict(state))
    student = first.student.state_dict()
    for part in (method.student, method.previous, method.composition.decision):
        for name, value in part.state_dict().items():
            assert torch.equal(value, student[name]), name
    assert torch.equal(
        method.master.module.decision.decode_head.conv_seg.weight,
        student["decode_head.conv_seg.weight"],
    )
    assert len(method.pool) == 0


def test_starts_from_a_network_of_other_classes(lmcs, build):
    first, method = build("MixMatch", student=toy_classifier(4)), lmcs()
    shake(first.student)
    state, head = first.state_dict(), method.student.decode_head.conv_seg.weight.detach().clone()
    assert len(reinit_classifier(method, state)) == 4  # with what branches have by class
    method.load_state_dict(state)
    for part in (method.student, method.previous, method.composition.decision):
        mine, theirs = part.backbone.state_dict(), first.student.backbone.state_dict()
        assert mine and all(torch.equal(mine[name], theirs[name]) for name in mine)
        assert torch.equal(part.decode_head.conv_seg.weight, head)


def test_a_checkpoint_holds_all_of_it(lmcs):
    method, fresh = shaken(lmcs), lmcs()
    method.pool.add(torch.tensor([7, 9]), torch.tensor([1, 0]), 0, 2)
    fresh.load_state_dict(copy.deepcopy(method.state_dict()))
    state = method.state_dict()
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert fresh.clustered == 1 and fresh.pool.index.tolist() == [7, 9]


@pytest.mark.parametrize(
    "options",
    [
        dict(teacher=None),
        dict(clusters=1),
        dict(label_weight=-1.0),
        dict(consistency_weight=-0.1),
        dict(discriminative_weight=-0.1),
        dict(master_start=-1),
    ],
)
def test_options_out_of_range(lmcs, options):
    with pytest.raises(ValueError, match="Expected .*model.teacher|2 or more|0 or more"):
        lmcs(**options)


def test_what_is_refused_before_training(lmcs):
    with pytest.raises(ValueError, match="reading of the discriminative loss .* but got 'both'"):
        lmcs(discriminative="both")
    data = SimpleNamespace(labeled=SimpleNamespace(image_level=True), num_unlabeled=3)
    lmcs().check_dataset(data)
    with pytest.raises(
        ValueError, match="model.clusters .*3, the number of unlabeled images, but got 4"
    ):
        lmcs(clusters=4).check_dataset(data)
    with pytest.raises(ValueError, match="model.channels to be 32, as backbone.layer3.*got 16"):
        lmcs(channels=16).check_dataset(data)
    with pytest.raises(ValueError, match="LMCS needs, .* are masks"):
        lmcs().check_dataset(SimpleNamespace(labeled=SimpleNamespace(image_level=False)))
