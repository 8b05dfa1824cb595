# SPDX-License-Identifier: Apache-2.0
"""SimMatch against published values and against a step written out from the paper."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from rankseg.models.methods import simmatch
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_class_batch, toy_classifier

TAP = "decode_head.branches.projection"


@MODELS.register_module(force=True)
class FlatNet(nn.Module):
    """Flatten-Linear-BatchNorm-ReLU, the encoder of the published values."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(192, 32), nn.BatchNorm1d(32), nn.ReLU(inplace=True)
        )

    def forward(self, x):
        return (self.net(x)[..., None, None],)


def flat_student():
    head = dict(
        type="ImageLevelHead",
        in_channels=32,
        num_classes=10,
        branches=dict(projection=dict(type="Projector", hidden_channels=32, out_channels=16)),
    )
    return dict(type="EncoderDecoder", backbone=dict(type="FlatNet"), decode_head=head)


def load_published(network, values, name):
    """Copy the published state of the student or the teacher into a network."""
    state = {k.split(".", 2)[2]: torch.tensor(v) for k, v in values.items() if k.startswith(name)}
    for key, value in network.backbone.state_dict().items():
        value.copy_(state[f"backbone.{key}"])
    network.decode_head.conv_seg.weight.data.copy_(state["fc.weight"][..., None, None])
    network.decode_head.conv_seg.bias.data.copy_(state["fc.bias"])
    parts = [state[f"head.{key}"] for key in ("0.weight", "0.bias", "2.weight", "2.bias")]
    for parameter, value in zip(
        network.decode_head.branches["projection"].parameters(), parts, strict=True
    ):
        parameter.data.copy_(value)


def samples(count, labels=None, index=None):
    made = [SegDataSample() for _ in range(count)]
    for i, sample in enumerate(made):
        sample.set_data({"valid": PixelData(data=torch.ones(1, 1, 1, dtype=torch.bool))})
        if labels is not None:
            label = torch.tensor(labels[i]).reshape(1, 1, 1)
            sample.set_data({"gt_sem_seg": PixelData(data=label)})
            sample.set_metainfo({"sample_idx": int(index[i])})
    return made


def test_three_steps_equal_the_published_ones(build, shared):
    values = dict(np.load(shared / "golden" / "simmatch_eman.npz"))
    method = build(
        "SimMatch",
        student=flat_student(),
        bank_size=40,
        teacher=dict(momentum=0.001),
        labels_from="teacher",
        threshold=0.7,
        queue_length=256,
        semantic_weight=10.0,
        instance_weight=5.0,
    )
    load_published(method.student, values, "sd0.main")
    load_published(method.teacher.module, values, "sd0.ema")
    method.teacher.n_averaged.fill_(1)
    method.bank.feature.copy_(torch.tensor(values["sd0.bank"]).T)
    method.bank.label.copy_(torch.tensor(values["sd0.labels"]))
    for step in range(3):
        inputs = {
            view: torch.tensor(values[f"im_{letter}{step}"])
            for view, letter in (("labeled", "x"), ("weak", "w"), ("strong1", "s"))
        }
        data = {
            "labeled": samples(8, values[f"y{step}"], values[f"idx{step}"]),
            "weak": samples(40),
        }
        losses = method.loss(inputs, data)
        published = {
            "loss_x": values[f"loss_x{step}"],
            "loss_u": 10 * values[f"loss_u{step}"],
            "loss_in": 5 * values[f"loss_in{step}"],
            "confident": values[f"mask{step}"].mean(),
        }
        for key, value in published.items():
            assert losses[key].item() == pytest.approx(float(value), rel=1e-5), (step, key)
        method.zero_grad()
        sum(v for k, v in losses.items() if "loss" in k).backward()
        for parameter, name in (
            (method.student.decode_head.conv_seg.weight, "grad_fc"),
            (method.student.get_submodule(TAP), "grad_head"),
        ):
            if isinstance(parameter, nn.Module):
                parameter = next(parameter.parameters())
            wanted = torch.tensor(values[f"{name}{step}"])
            torch.testing.assert_close(
                parameter.grad.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-6
            )
        bank = torch.tensor(values[f"bank_after{step}"]).T
        torch.testing.assert_close(method.bank.feature, bank, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(method.queue.rows, torch.tensor(values[f"DA_queue{step}"]))
        with torch.no_grad():
            for parameter in method.student.parameters():
                parameter -= 0.1 * parameter.grad
        method.update_teacher()
        method.bank.written.fill_(True)  # the published bank is trusted from the second step on


def ensemble_step(method, inputs, data, bank, queue):
    """The step of the temporal ensemble, written out from section 3 of the paper.

    Args:
        bank: Feature (or None) and class of each labelled image, changed.
        queue: Mean predictions of earlier batches, changed.
    """
    net = method.student
    pooled = net.extract_feat(torch.cat([inputs[v] for v in ("labeled", "weak", "strong1")]))[-1]
    pooled = pooled.mean((2, 3))
    logits = F.linear(
        pooled, net.decode_head.conv_seg.weight[..., 0, 0], net.decode_head.conv_seg.bias
    )
    z = F.normalize(net.get_submodule(TAP)(pooled))
    (p_l, p_w, p_s), (z_l, z_w, z_s) = (x.split([4, 4, 4]) for x in (logits, z))
    labels = [s.gt_sem_seg.data.item() for s in data["labeled"]]
    terms = {"loss_x": F.cross_entropy(p_l, torch.tensor(labels))}
    p_w, z_w, z_l = p_w.detach().softmax(1), z_w.detach(), z_l.detach()
    queue.append(p_w.mean(0))
    trusted = all(entry[0] is not None for entry in bank)
    loss_u = loss_in = 0.0
    confident = 0
    for b in range(4):
        p = p_w[b] / (sum(queue) / len(queue))
        p = p / p.sum()
        target = p
        if trusted:
            similar = [torch.exp(z_w[b] @ feature / 0.1) for feature, _ in bank]
            q = [s / sum(similar) for s in similar]
            scaled = [q_i * p[y] for q_i, (_, y) in zip(q, bank, strict=True)]
            q_hat = [s / sum(scaled) for s in scaled]
            target = 0.9 * p
            for q_i, (_, y) in zip(q, bank, strict=True):
                target[y] = target[y] + 0.1 * q_i
            strong = [torch.exp(z_s[b] @ feature / 0.1) for feature, _ in bank]
            for s, wanted in zip(strong, q_hat, strict=True):
                loss_in = loss_in - wanted * torch.log(s / sum(strong)) / 4
        if target.max() >= method.threshold:
            confident += 1
            loss_u = loss_u - (target * p_s[b].log_softmax(0)).sum() / 4
    for sample, feature, label in zip(data["labeled"], z_l, labels, strict=True):
        old = bank[sample.sample_idx][0]
        new = feature if old is None else 0.7 * old + 0.3 * feature
        bank[sample.sample_idx] = (new / new.norm(), label)
    return terms | {"loss_u": loss_u, "loss_in": loss_in, "confident": confident / 4}


def test_temporal_ensemble_equals_the_paper(build):
    method, other = (
        build("SimMatch", student=toy_classifier(), bank_size=6, bank_momentum=0.7, threshold=0.5)
        for _ in range(2)
    )
    other.load_state_dict(method.state_dict())
    bank, queue = [(None, None)] * 6, []
    seen = []
    for step in range(4):
        inputs, data = toy_class_batch()
        for place, sample in enumerate(data["labeled"]):
            sample.set_metainfo({"sample_idx": (place + 2 * step) % 6})
            data["labeled"][place].gt_sem_seg.data.fill_((place + 2 * step) % 3)
        found = method.loss(inputs, data)
        wanted = ensemble_step(other, inputs, data, bank, queue)
        for key, value in wanted.items():
            assert float(found[key]) == pytest.approx(float(value), rel=1e-3, abs=1e-6), (step, key)
        for model, terms in ((method, found), (other, wanted)):
            model.zero_grad()
            sum(v for k, v in terms.items() if "loss" in k).backward()
        for (name, mine), theirs in zip(
            method.student.named_parameters(), other.student.parameters(), strict=True
        ):
            if theirs.grad is not None:
                torch.testing.assert_close(mine.grad, theirs.grad, rtol=2e-2, atol=1e-5, msg=name)
        seen.append(float(found["loss_in"]) > 0)
    assert seen == [False, False, True, True]  # the bank is full after two batches


def test_no_unlabeled_signal_enters_through_the_weak_view(build):
    method = build("SimMatch", student=toy_classifier(), bank_size=4)
    inputs, data = toy_class_batch()
    inputs["weak"].requires_grad_()
    losses = method.loss(inputs, data)
    method.student.eval()  # batch statistics would carry a gradient between the views
    method.bank.written.fill_(True)
    losses = method.loss(inputs, data)
    (losses["loss_u"] + losses["loss_in"]).backward()
    assert not inputs["weak"].grad.any()


def test_bank_must_fit_the_labeled_set(build):
    class Data:
        num_labeled = 5

    with pytest.raises(ValueError, match="bank_size .* labeled images, 5, but got 4"):
        build("SimMatch", student=toy_classifier(), bank_size=4).check_dataset(Data())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(smoothing=1.1), "model.smoothing .*got 1.1"),
        (dict(threshold=-1), "model.threshold .*got -1"),
        (dict(temperature=0), "model.temperature .*got 0"),
        (dict(embedding_tap="decode_head.nothing"), "embedding_tap .*got 'decode_head.nothing'"),
        (dict(embedding_tap="decode_head.pool"), "a Projector, but got a ImagePool"),
        (dict(instance_rule="both"), "model.instance_rule .*got 'both'"),
    ],
)
def test_bad_options(build, options, message):
    with pytest.raises(ValueError, match=message):
        build("SimMatch", student=toy_classifier(), bank_size=4, **options)


def test_the_logged_share_is_at_the_threshold_or_above(build, monkeypatch):
    method = build("SimMatch", toy_classifier(), bank_size=4, threshold=0.5)
    semantic = torch.tensor([[0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [0.4, 0.3, 0.3], [0.2, 0.4, 0.4]])
    instance = torch.full((4, 4), 0.25)
    monkeypatch.setattr(method, "targets", lambda weak, trusted: (semantic, instance))
    assert method.loss(*toy_class_batch())["confident"].item() == 2 / 4


@pytest.mark.parametrize("kind", ["info_nce", "swav"])
def test_other_instance_terms_equal_the_papers(build, kind):
    method = build(
        "SimMatch",
        student=toy_classifier(),
        bank_size=4,
        teacher=dict(momentum=0.1),
        labels_from="teacher",
        instance_loss=kind,
        instance_weight=3.0,
        temperature=0.2,
        prototypes=5,
    )
    method.student.eval()
    inputs, data = toy_class_batch()
    found = method.loss(inputs, data)["loss_in"]

    def embed(network, view):
        return network.get_submodule(TAP)(network.extract_feat(inputs[view])[-1].mean((2, 3)))

    strong1 = F.normalize(embed(method.student, "strong1"))
    with torch.no_grad():
        weak = F.normalize(embed(method.teacher.module, "weak"))
    if kind == "info_nce":
        rows = [-(strong1[i] @ weak.T / 0.2).log_softmax(0)[i] for i in range(4)]
    else:
        prototypes = F.normalize(method.prototypes.weight)
        code = (weak @ prototypes.T.detach() / 0.05).exp().T
        for _ in range(3):
            code = code / code.sum(1, keepdim=True)
            code = code / code.sum(0)
        scores = (strong1 @ prototypes.T / 0.2).log_softmax(1)
        rows = [-(code[:, i] * scores[i]).sum() for i in range(4)]
    wanted = 3 * sum(rows) / 4
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    parameters = [*method.student.get_submodule(TAP).parameters()]
    parameters += [] if method.prototypes is None else [method.prototypes.weight]
    grads = [torch.autograd.grad(loss, parameters) for loss in (found, wanted)]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
        assert one.abs().max() > 0


@pytest.mark.parametrize("kind", ["info_nce", "swav"])
def test_two_processes_train_as_one(build, kind, monkeypatch):
    method = build(
        "SimMatch", student=toy_classifier(), bank_size=4, instance_loss=kind, prototypes=5
    )
    strong1, weak = (F.normalize(torch.randn(6, 8), dim=1) for _ in range(2))
    whole, shares = method.unlabeled_term(strong1, weak), []
    monkeypatch.setattr(simmatch, "gather_rows", lambda rows: weak)
    for rank in range(2):  # each has every second image
        monkeypatch.setattr(simmatch, "get_dist_info", lambda rank=rank: (rank, 2))
        shares.append(method.unlabeled_term(strong1[rank::2], weak[rank::2]))
    torch.testing.assert_close(sum(shares) / 2, whole)
    assert not torch.isclose(shares[0], shares[1])


def test_prototypes_are_loaded_if_a_checkpoint_has_them(build):
    options = dict(student=toy_classifier(), bank_size=4)
    plain = build("SimMatch", **options)
    one, other = (build("SimMatch", instance_loss="swav", **options) for _ in range(2))
    other.load_state_dict(plain.state_dict())
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.prototypes.weight, one.prototypes.weight)


def test_an_unknown_instance_loss(build):
    with pytest.raises(ValueError, match="model.instance_loss .*got 'triplet'"):
        build("SimMatch", student=toy_classifier(), bank_size=4, instance_loss="triplet")
