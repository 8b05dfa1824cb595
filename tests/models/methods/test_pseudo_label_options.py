# SPDX-License-Identifier: Apache-2.0
"""Options of FixMatch, UniMatch and RankMatch that change who labels and what counts."""

import pytest
import torch

from rankseg.structures import WEAK
from rankseg.testing.toy import toy_batch, toy_student

METHODS = ("FixMatch", "UniMatch", "RankMatch")
TEACHER = dict(teacher=dict(momentum=0.1), labels_from="teacher")


@pytest.fixture
def images_of(monkeypatch):
    """Numbers of images in each forward pass of a network."""

    def count(network):
        seen = []
        network.backbone.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
        return seen

    return count


@pytest.mark.parametrize("name", METHODS)
def test_lean_step_runs_the_student_once_without_weak_views(build, images_of, name):
    method = build(name, lean=True, **TEACHER)
    student, teacher = images_of(method.student), images_of(method.teacher.module)
    losses = method.loss(*toy_batch())
    assert student == [2 + 2 * method.strong_views]
    assert teacher == [2]
    assert "loss_fp" not in losses
    sum(value for key, value in losses.items() if key.startswith("loss")).backward()
    assert method.student.backbone.stem[0].weight.grad.abs().sum() > 0


def test_lean_step_has_the_targets_of_the_teacher(build):
    inputs, samples = toy_batch()
    lean = build("FixMatch", lean=True, mix_source=None, **TEACHER)
    lean.student.eval()  # running statistics: the other images of a pass do not matter
    plain = build("FixMatch", mix_source=None, **TEACHER)
    plain.load_state_dict(lean.state_dict())
    plain.student.eval()
    found, expected = lean.loss(inputs, samples), plain.loss(inputs, samples)
    for key in ("loss_x", "loss_s1", "confident"):
        torch.testing.assert_close(found[key], expected[key])


def test_lean_step_needs_somebody_who_labels(build):
    with pytest.raises(
        ValueError, match=r"lean=True.*labels_from='student'.*labels_from='teacher'"
    ):
        build("FixMatch", lean=True)


@pytest.mark.parametrize("name", METHODS)
def test_labeler_makes_the_labels_and_does_not_change(build, vary, tmp_path, name):
    other = build("FixMatch").student
    inputs, samples = toy_batch()
    vary(other.eval(), inputs[WEAK])
    torch.save(other.state_dict(), tmp_path / "labeler.pth")
    method = build(name, labeler=str(tmp_path / "labeler.pth"))
    assert not method.labeler.training
    before = {key: value.clone() for key, value in method.labeler.state_dict().items()}
    valid = torch.cat([sample.valid.data for sample in samples[WEAK]])
    with torch.no_grad():
        expected = method.upsample(method.run(other, inputs[WEAK]).logits, (33, 33)).argmax(1)
    torch.testing.assert_close(method.target(None, inputs[WEAK], valid).pseudo.label, expected)
    losses = method.loss(inputs, samples)
    sum(value for key, value in losses.items() if key.startswith("loss")).backward()
    assert all(parameter.grad is None for parameter in method.labeler.parameters())
    after = method.labeler.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_labeler_of_another_network_is_refused(build, tmp_path):
    torch.save(build("FixMatch", toy_student(2)).student.state_dict(), tmp_path / "labeler.pth")
    with pytest.raises(ValueError, match=r"labeler.pth.*conv_seg.*\(2, .*same model.student"):
        build("FixMatch", labeler=str(tmp_path / "labeler.pth"))
    with pytest.raises(FileNotFoundError, match="missing.pth"):
        build("FixMatch", labeler=str(tmp_path / "missing.pth"))


def test_a_checkpoint_without_a_labeler_loads(build, tmp_path):
    plain = build("FixMatch")
    torch.save(plain.student.state_dict(), tmp_path / "labeler.pth")
    method = build("FixMatch", labeler=str(tmp_path / "labeler.pth"))
    method.load_state_dict(build("FixMatch").state_dict())
    expected, found = plain.student.state_dict(), method.labeler.state_dict()
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_alignment_uses_the_shares_of_the_labels(build):
    method = build("FixMatch", alignment="probability", threshold=0.0, **TEACHER)
    inputs, samples = toy_batch()
    for sample in samples["labeled"]:
        sample.gt_sem_seg.data.fill_(1)
    method.loss(inputs, samples)
    assert method.alignment.labeled.shares().tolist() == [0, 1, 0]
    valid = torch.cat([sample.valid.data for sample in samples[WEAK]])
    assert (method.target(None, inputs[WEAK], valid).pseudo.label == 1).all()


def test_class_share_keeps_this_share_of_each_class(build, vary):
    method = build("FixMatch", class_share=0.5, threshold=1.0, mix_source=None, **TEACHER)
    inputs, samples = toy_batch()
    vary(method.teacher.module, inputs[WEAK])
    method.loss(inputs, samples)
    valid = torch.cat([sample.valid.data for sample in samples[WEAK]])
    label, confidence, _ = method.target(None, inputs[WEAK], valid).pseudo
    kept = confidence >= method.threshold_of(label)
    for k in range(3):
        of_class = (label == k) & valid
        if of_class.sum() > 100:
            assert 0.4 < kept[of_class].float().mean() < 0.7
    method.threshold = float(method.class_threshold.thresholds().max()) - 0.02
    more = confidence >= method.threshold_of(label)
    assert (more >= kept).all() and more.sum() > kept.sum()
    assert torch.equal(more, kept | (confidence >= method.threshold))


@pytest.mark.parametrize(
    ("option", "value"), [("class_share", 0.0), ("class_share", 1.5), ("alignment", "pixel")]
)
def test_values_outside_the_range_are_refused(build, option, value):
    with pytest.raises(ValueError, match=f"{option}.*{value}"):
        build("FixMatch", **{option: value})


def test_a_checkpoint_without_running_shares_loads(build):
    old, new = build("FixMatch", **TEACHER), build("FixMatch", alignment="probability", **TEACHER)
    new.load_state_dict(old.state_dict())
    assert torch.equal(
        new.student.state_dict()["backbone.stem.0.weight"],
        old.student.state_dict()["backbone.stem.0.weight"],
    )


def test_flipped_labels_are_those_of_both_images(build):
    method = build("FixMatch", flip_labels=True, **TEACHER)
    inputs, samples = toy_batch()
    valid = torch.cat([sample.valid.data for sample in samples[WEAK]])
    pseudo = method.target(None, inputs[WEAK], valid).pseudo
    mirrored = method.target(None, inputs[WEAK].flip(3), valid).pseudo
    torch.testing.assert_close(pseudo.label, mirrored.label.flip(2))
    torch.testing.assert_close(pseudo.confidence, mirrored.confidence.flip(2))
