# SPDX-License-Identifier: Apache-2.0
"""Plain reference implementation of RankMatch, to verify the fast one.

Nothing here is used in training. Everything is computed at full size: boxes are masks, features
are upsampled to the crop before pasting, and all orders of all positions are expanded over all
agents.
"""

from functools import partial
from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.models.mixing import cutmix_boxes
from rankseg.structures import LABELED, WEAK, mix, strong

FLOOR = 1e-10  # as in the released code
resize = partial(F.interpolate, mode="bilinear", align_corners=True)


def plain_agents(features: Tensor, num_agents: int, first: Tensor) -> Tensor:
    """Choose agents greedily by the correlation of all positions with all: ``(B, num_agents)``.

    Args:
        features: ``(B, C, h, w)``.
        num_agents: ``N``.
        first: ``(B,)`` flat position of the first agent of each image.
    """
    unit = F.normalize(features.flatten(2), dim=1)
    cosine = (unit.transpose(1, 2) @ unit).abs()
    chosen = first[:, None]
    for _ in range(num_agents - 1):
        rows = cosine.gather(1, chosen[..., None].expand(-1, -1, cosine.size(2)))
        largest = rows.amax(1).scatter(1, chosen, torch.inf)
        chosen = torch.cat((chosen, largest.argmin(1, keepdim=True)), 1)
    return chosen


def plain_correlation(features: Tensor, positions: Tensor) -> Tensor:
    """Compute the softmax over agents of the products of every position: ``(B, h * w, N)``."""
    flat = features.flatten(2).transpose(1, 2)
    agents = torch.stack([one[where] for one, where in zip(flat, positions, strict=True)])
    return (flat @ agents.transpose(1, 2)).softmax(-1)


def plain_rank_loss(
    weak: Tensor, strong: Tensor, first: Tensor, num_agents: int = 128, topk: int = 4
) -> Tensor:
    """Compute equations 4 to 8 with every order of every position written out, times 0.1.

    Args:
        weak: ``(B, C, h, w)``, without gradient.
        strong: ``(B, C, h, w)``.
        first: ``(B,)`` flat positions of the first agents.
        num_agents: ``N``.
        topk: ``k``.
    """
    with torch.no_grad():
        positions = plain_agents(weak, num_agents, first)
        teacher = plain_correlation(weak, positions)
    student = plain_correlation(strong, positions)
    orders = torch.tensor(list(permutations(range(topk))), device=weak.device)
    which = teacher.topk(topk, -1).indices[..., orders]  # (B, h * w, k!, k)

    def probability(correlation: Tensor) -> Tensor:
        expanded = correlation[:, :, None].expand(-1, -1, len(orders), -1).contiguous()
        chosen = expanded.gather(3, which)
        product = torch.ones_like(chosen[..., 0])
        for n in range(topk):
            product = product * chosen[..., n] / (chosen[..., n:].sum(-1) + FLOOR)
        return product + FLOOR

    with torch.no_grad():
        target = probability(teacher)
    return 0.1 * (target * (target.log() - probability(student).log())).mean()


def box_mask(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Build a mask ``(B, 1, H, W)`` that is 1 inside the boxes ``(B, 4)``."""
    mask = torch.zeros(len(boxes), 1, *size)
    for one, (x1, y1, x2, y2) in zip(mask, boxes.tolist(), strict=True):
        one[:, y1:y2, x1:x2] = 1
    return mask


def plain_paste(target: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """Upsample features ``(B, C, h, w)`` to the mask, mix them, and downsample."""
    size = mask.shape[2:]
    large = resize(target, size) * (1 - mask) + resize(source, size) * mask
    return resize(large, target.shape[2:])


def _decode(student: nn.Module, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return logits at the head's resolution, and the intermediate ASPP features."""
    found = []
    handle = student.decode_head.bottleneck.register_forward_hook(lambda *args: found.append(args))
    logits = student.decode_head(features)
    handle.remove()
    return logits, found[0][2]


def _pseudo_label(logits: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Compute the confidence and the class of every pixel."""
    return resize(logits.detach(), size).softmax(1).max(1)


def plain_step(
    student: nn.Module,
    inputs: dict[str, Tensor],
    data_samples: dict[str, list],
    mix_source: str = "same",
    threshold: float = 0.95,
    num_agents: int = 128,
    rank: bool = True,
) -> dict[str, Tensor]:
    """Compute the losses of one RankMatch step, as ``RankMatch.loss`` returns them.

    Random numbers are drawn in the same order as there: dropped channels, boxes, first agents.

    Args:
        student: A segmentor with a :class:`~rankseg.models.heads.DeepLabV3PlusHead`.
        inputs: Views, including those of the second crop for ``"same"``.
        data_samples: Samples with ``gt_sem_seg`` and ``valid`` maps.
        mix_source: ``"same"`` for a second crop with a separate forward pass, or ``"batch"``.
        threshold: Threshold of the confidence.
        num_agents: ``N``.
        rank: Compute the rank loss; False gives UniMatch.
    """
    weak, size = inputs[WEAK], tuple(inputs[WEAK].shape[2:])
    valid = torch.cat([sample.valid.data for sample in data_samples[WEAK]]).float()
    if mix_source == "same":
        student.eval()
        with torch.no_grad():
            other_logits, other_feature = _decode(student, student.extract_feat(inputs[mix(WEAK)]))
        student.train()
        other_valid = torch.cat([sample.valid.data for sample in data_samples[mix(WEAK)]]).float()

    # labeled and weak images, each followed by a copy with half of the channels dropped
    clean = student.extract_feat(torch.cat((inputs[LABELED], weak)))
    last = torch.cat((clean[-1], F.dropout2d(clean[-1], 0.5)))
    first = torch.cat((clean[0], F.dropout2d(clean[0], 0.5)))
    logits, feature = _decode(student, (first, *clean[1:-1], last))
    bl, bu = len(inputs[LABELED]), len(weak)
    logits_x, logits_w, _, logits_fp = logits.split([bl, bu, bl, bu])
    feature = feature[bl : bl + bu].detach()
    confidence, label = _pseudo_label(logits_w, size)
    if mix_source == "batch":
        other_logits, other_feature = logits_w.detach().roll(1, 0), feature.roll(1, 0)
        other_valid = valid.roll(1, 0)
    other_confidence, other_label = _pseudo_label(other_logits, size)

    masks = [box_mask(cutmix_boxes(bu, size), size).to(weak.device) for _ in range(2)]
    views = []
    for i, mask in enumerate(masks, 1):
        other = inputs[mix(strong(i))] if mix_source == "same" else inputs[strong(i)].roll(1, 0)
        views.append(inputs[strong(i)] * (1 - mask) + other * mask)
    strong_logits, strong_features = _decode(student, student.extract_feat(torch.cat(views)))

    def consistency(logits: Tensor, confidence: Tensor, label: Tensor, valid: Tensor) -> Tensor:
        pixels = F.cross_entropy(resize(logits, size), label, reduction="none")
        return (pixels * (confidence >= threshold) * valid).sum() / valid.sum()

    truth = torch.cat([sample.gt_sem_seg.data for sample in data_samples[LABELED]])
    losses = {"loss_x": F.cross_entropy(resize(logits_x, size), truth, ignore_index=255) / 2}
    pairs = zip(masks, strong_logits.split(bu), strong_features.split(bu), strict=True)
    for i, (mask, logits_s, feature_s) in enumerate(pairs, 1):
        where = mask[:, 0] > 0
        pasted = [
            torch.where(where, other, mine)
            for mine, other in (
                (confidence, other_confidence),
                (label, other_label),
                (valid, other_valid),
            )
        ]
        losses[f"loss_s{i}"] = 0.125 * consistency(logits_s, *pasted)
        if rank:
            mixed = plain_paste(feature, other_feature, mask)
            start = torch.randint(mixed.shape[2:].numel(), (bu,), device=mixed.device)
            losses[f"loss_rank{i}"] = plain_rank_loss(mixed, feature_s, start, num_agents) / 2
    losses["loss_fp"] = 0.25 * consistency(logits_fp, confidence, label, valid)
    return losses
