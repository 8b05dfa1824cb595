# SPDX-License-Identifier: Apache-2.0
"""SupCon and prototypical networks against steps written out with a list as their memory."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.testing.toy import toy_class_batch, toy_classifier

TAP = "decode_head.branches.projection"


@pytest.fixture
def make(build):
    def method(name, **options):
        options = dict(memory_size=10, teacher=dict(momentum=0.2), temperature=0.5) | options
        return build(name, student=toy_classifier(), **options)

    return method


def embed(network, images):
    pooled = network.extract_feat(images)[-1].mean((2, 3))
    return F.normalize(network.get_submodule(TAP)(pooled), dim=1)


def contrast(v, y, memory):
    weights = [(torch.exp(v @ z / 0.5), label) for z, label in memory]
    total = sum(weight for weight, _ in weights)
    terms = [-torch.log(weight / total) for weight, label in weights if label == y]
    return sum(terms) / len(terms)


def prototypes(v, y, memory):
    classes = sorted({label for _, label in memory})
    means = [torch.stack([z for z, label in memory if label == k]).mean(0) for k in classes]
    logits = torch.stack([-((v - mean) ** 2).sum() / 0.5 for mean in means])
    return -logits.log_softmax(0)[classes.index(y)]


@pytest.mark.parametrize(("name", "row"), [("SupCon", contrast), ("ProtoNet", prototypes)])
def test_steps_equal_the_paper(make, name, row):
    method, memory = make(name), []
    assert method.views == ("labeled", "labeled_twin")
    method.student.eval()  # so that the views can run apart
    for seed in range(3):
        torch.manual_seed(seed)
        inputs, samples = toy_class_batch(4, 4, twin=True)
        inputs = {view: inputs[view] for view in ("labeled", "labeled_twin")}
        labels = [sample.gt_sem_seg.data.item() for sample in samples["labeled"]]
        found = method.loss(inputs, samples)["loss_shift"]
        with torch.no_grad():
            targets = embed(method.teacher.module, inputs["labeled"])
        memory = [*memory, *zip(targets, labels, strict=True)][-10:]
        online = embed(method.student, inputs["labeled_twin"])
        rows = [row(v, y, memory) for v, y in zip(online, labels, strict=True)]
        wanted = sum(rows) / 4
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        parameter = method.student.get_submodule(TAP).layers[0].weight
        grads = [torch.autograd.grad(loss, parameter)[0] for loss in (found, wanted)]
        torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-5)
        assert grads[0].abs().max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [(dict(temperature=0.0), "temperature .*got 0"), (dict(constraint=None), "constraint .*None")],
)
def test_bad_options(make, options, message):
    with pytest.raises(ValueError, match=f"model.{message}"):
        make("SupCon", **options)
