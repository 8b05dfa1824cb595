# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from mmseg.models.losses import OhemCrossEntropy as InMMSeg

from rankseg.models.losses import OhemCrossEntropy, OhemCrossEntropyLoss, ohem


def slow(logits, label, threshold, min_kept):
    """Sort the labelled pixels by the probability of their class and keep the hard ones."""
    pixels = []
    for sample, truth in zip(logits, label, strict=True):
        for y, x in (truth != 255).nonzero().tolist():
            pixels.append(-sample[:, y, x].log_softmax(0)[truth[y, x]])
    pixels.sort(key=lambda loss: -loss.item())
    hard = [p for i, p in enumerate(pixels) if (-p).exp() <= threshold or i < min_kept]
    return sum(hard) / max(1, len(hard))


@pytest.mark.parametrize("min_kept", [1, 10, 1000])
@pytest.mark.parametrize("threshold", [0.2, 0.7, 1.0])
def test_equals_the_slow_loss_with_its_gradient(threshold, min_kept):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 5, 6, generator=generator) * 2
    label = torch.randint(4, (2, 5, 6), generator=generator)
    label[0, :2] = 255
    reference = logits.clone().requires_grad_()
    slow(reference, label, threshold, min_kept).backward()
    mine = logits.clone().requires_grad_()
    loss = OhemCrossEntropyLoss(threshold, min_kept)(mine, label)
    loss.backward()
    assert loss.item() == pytest.approx(slow(logits, label, threshold, min_kept).item(), rel=1e-5)
    torch.testing.assert_close(mine.grad, reference.grad, rtol=1e-4, atol=1e-7)


def test_nothing_labeled_is_zero():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = OhemCrossEntropyLoss(min_kept=5)(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().sum() == 0


def images(seed=2):
    """Four images, of which the first has by far the hardest pixels, and the last no label."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 3, 6, 5, generator=generator)
    label = torch.randint(3, (4, 6, 5), generator=generator)
    logits[0] *= 9
    label[1, 0], label[3] = 255, 255
    return logits, label


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_a_share_is_kept_in_every_image(share):
    logits, label = images()
    alone = []
    for one, truth in zip(logits, label, strict=True):
        loss = F.cross_entropy(one[None], truth[None], ignore_index=255, reduction="none")[0]
        loss = sorted(loss[truth < 255])
        alone += loss[len(loss) - min(len(loss), round(share * 30)) :]
    found = OhemCrossEntropyLoss(1e-30, share)(logits, label)
    torch.testing.assert_close(found, torch.stack(alone).mean(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("size", [1, 2])
def test_a_share_does_not_depend_on_the_batch_of_a_process(size, monkeypatch):
    logits, label = images()
    whole = OhemCrossEntropyLoss(0.05, 0.2)(logits, label)
    number = OhemCrossEntropyLoss(0.05, 6)(logits, label)
    counts = []
    monkeypatch.setattr(ohem, "count_per_process", lambda kept: counts.append(kept.sum()) or 1)
    parts = zip(logits.split(size), label.split(size), strict=True)
    total = sum(OhemCrossEntropyLoss(0.05, 0.2)(*part) for part in parts)
    torch.testing.assert_close(total / sum(counts), whole)
    assert (number - whole).abs() > 0.1  # six pixels of the whole batch, nearly all of the first


def test_class_weights_of_a_share():
    logits, label = images()
    weights = [0.5, 2.0, 3.0]
    found = OhemCrossEntropyLoss(1.0, 0.2, class_weight=weights)(logits, label)  # all pixels count
    loss = F.cross_entropy(logits, label, torch.tensor(weights), ignore_index=255, reduction="sum")
    torch.testing.assert_close(found, loss / (label != 255).sum())


def test_default_is_the_released_number_of_two_images():
    share = OhemCrossEntropyLoss().min_kept
    assert round(share * 801 * 801) * 2 == 200_000


@pytest.mark.parametrize(
    "options",
    [dict(threshold=0.0), dict(threshold=1.5), dict(min_kept=0), dict(min_kept=1.2)],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match="threshold of OhemCrossEntropyLoss in"):
        OhemCrossEntropyLoss(**options)


@pytest.mark.parametrize("class_weight", [None, [0.5, 2.0, 1.0, 3.0]])
@pytest.mark.parametrize("options", [dict(thres=0.2, min_kept=10), dict(thres=0.9, min_kept=3)])
def test_by_the_names_of_mmseg(options, class_weight):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 5, 6, generator=generator) * 2
    label = torch.randint(4, (2, 5, 6), generator=generator)
    label[0, :2] = 255
    options = dict(options, class_weight=class_weight, loss_weight=0.4)
    expected = InMMSeg(**options)(logits, label)
    found = OhemCrossEntropy(**options)
    torch.testing.assert_close(found(logits, label), expected)
    torch.testing.assert_close(found(logits, label, None, ignore_index=255), expected)
    label[label == 255] = 7
    torch.testing.assert_close(found(logits, label, ignore_index=7), expected)
