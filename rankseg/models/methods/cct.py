# SPDX-License-Identifier: Apache-2.0
"""CCT: consistency between the main decoder and auxiliary decoders on perturbed features."""

from collections.abc import Sequence
from functools import partial
from math import log2

import torch
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.layers import SubpixelDecoder, at_positions, find_module
from rankseg.models.losses import probability_consistency
from rankseg.models.methods.base import Method, valid_pixels
from rankseg.models.segmentors.dry_run import probe_size, try_out
from rankseg.models.segmentors.student import default_tap
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK

DECODERS = "auxiliary_decode_heads"
PUBLISHED = (
    dict(count=6, perturb=dict(type="ChannelDropout")),
    dict(count=6, perturb=dict(type="GuidedCutout")),
    dict(count=2, perturb=dict(type="VirtualAdversarial")),
    dict(count=2, perturb=dict(type="MaskContext")),
    dict(count=2, perturb=dict(type="MaskObjects")),
    dict(count=6, perturb=dict(type="FeatureDrop")),
    dict(count=6, perturb=dict(type="FeatureNoise")),
)


@MODELS.register_module()
class CCT(Method):
    r"""Cross-consistency training.

    .. math::
        L = CE(g(z_x), y) + r(t) \, w \, \frac{1}{K} \sum_k
            \text{MSE}(softmax(g_k(p_k(z_u))), softmax(g(z_u)))

    where :math:`z` are encoder features, :math:`g` is the main decoder and :math:`g_k` are
    auxiliary decoders, each with its own perturbation :math:`p_k`. The main prediction is a target
    without gradient: the main decoder learns only from labels, the auxiliary decoders only from
    unlabeled images, and the encoder from both. Only weak views are needed, and only the main
    decoder predicts.

    The encoder in the paper ends with a pyramid pooling module; the encoder of DeepLabv3+,
    according to its paper, ends with ASPP. Therefore ``z`` is the output of
    ``decode_head.bottleneck``. The auxiliary decoders are those of the paper, see
    :class:`~rankseg.models.layers.SubpixelDecoder`. Predictions are compared at the size of the
    head's logits, a quarter of the image in DeepLabv3+, and padding is excluded. The paper compares
    at image size, which takes 16 times the memory.

    The labeled loss is the one in the head's config. The paper's optional bootstrapped
    cross-entropy with an annealed threshold is not implemented.

    Args:
        feature_tap: Dotted name of the student's submodule whose output is ``z``; with the suffix
            ``:input``, its input is used. None uses the output of ASPP or, in networks without
            ASPP, the input of the head's classifier. The CPS authors use ``decode_head.fuse`` in
            their comparison on DeepLabv3+.
        perturbations: Perturbations ``p_k``, each ``dict(count=N, perturb=dict(type=...))``: the
            number of decoders with this perturbation, and its config from
            :mod:`rankseg.models.layers.perturbations`. The default perturbations and counts are
            those of the released code.
        decoder_steps: Number of times an auxiliary decoder doubles the size of the features. None
            doubles them up to the size of the logits: twice in DeepLabv3+ with stride 16. Released
            code: 3, from stride 8 to the image.
        consistency_weight: Weight ``w``; released code: 30, for 21 classes. The squared differences
            are averaged over classes.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`. ``ramp`` with
            ``ramp_shape="sigmoid"`` is ``r(t)`` of the paper, over the first tenth of the
            iterations. ``warmup`` is our addition, and so is ``labels_from="teacher"``, which takes
            the target from the averaged weights.

    Raises:
        ValueError: If the weight or a count is negative, there is no auxiliary decoder, or the
            student has no submodule with the given name.

    Source: Ouali, Hudelot and Tami, CVPR 2020, section 3, and its released code.
    """

    views = (LABELED, WEAK)

    def __init__(
        self,
        student: dict,
        feature_tap: str | None = None,
        perturbations: Sequence[dict] = PUBLISHED,
        decoder_steps: int | None = None,
        consistency_weight: float = 30.0,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        expect(consistency_weight >= 0, "model.consistency_weight", "0 or more", consistency_weight)
        self.feature_tap = feature_tap or default_tap(self.student)
        find_module(self.student, self.feature_tap)
        self.consistency_weight = consistency_weight
        self.perturbations = nn.ModuleList(build_perturbations(perturbations))
        # The name contains "decode_head" so that learning rates configured for it apply here too.
        channels, steps = self.tapped()
        steps = steps if decoder_steps is None else decoder_steps
        classes = self.student.decode_head.num_classes
        self.auxiliary_decode_heads = nn.ModuleList(
            SubpixelDecoder(channels, classes, steps) for _ in self.perturbations
        )

    def tapped(self) -> tuple[int, int]:
        """Return the channels of the tapped feature and its number of doublings to logit size."""
        output = try_out(self.run, self.student, probe_size(self.student))
        finer = output.logits.shape[2] / output.feature.shape[2]
        return output.feature.shape[1], max(0, round(log2(finer)))

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class.

        If a checkpoint has no auxiliary decoders, or they have another number of classes, the
        current weights of the auxiliary decoders are kept.
        """
        own = self.auxiliary_decode_heads.state_dict()
        own = {f"{prefix}{DECODERS}.{name}": value for name, value in own.items()}
        given = [key for key in state_dict if key.startswith(f"{prefix}{DECODERS}.")]
        if not given or any(
            key in own and own[key].shape != state_dict[key].shape for key in given
        ):
            state_dict.update(own)
        super().complete_state(state_dict, prefix)

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; see the class for the formula."""
        weight = self.unsupervised_weight() * self.consistency_weight
        labeled, samples = inputs[LABELED], data_samples[LABELED]
        if weight == 0:
            losses = self.supervised_step(inputs, data_samples)
            return {**losses, "loss_consistency": self.zero_loss()}
        weak = inputs[WEAK]
        output_x, output_w = self.run_views(labeled, weak)
        main = output_w.logits.detach()
        if self.labels_from == "teacher":
            main = self.run_frozen("teacher", weak).logits
        valid = valid_pixels(data_samples[WEAK])
        label = at_positions(main.argmax(1), valid.shape[1:])  # cheaper than upsampling logits
        self.track(label, torch.ones_like(valid), data_samples[WEAK])
        return {
            "loss_x": self.supervised_loss(output_x, samples),
            "loss_consistency": weight * self.consistency(output_w.feature, main, valid),
        }

    def consistency(self, feature: Tensor, main: Tensor, valid: Tensor) -> Tensor:
        """Return the mean squared difference between the auxiliary and the main predictions.

        Args:
            feature: ``(B, C, h', w')`` features of the unlabeled images.
            main: ``(B, K, h, w)`` logits of the main decoder, without gradient.
            valid: ``(B, H, W)`` bool.
        """
        size = tuple(main.shape[2:])
        valid = at_positions(valid, size)
        label = at_positions(main.argmax(1), feature.shape[2:])
        classes = label[:, None] == torch.arange(main.shape[1], device=label.device)[:, None, None]
        terms = []
        for perturb, decoder in zip(self.perturbations, self.auxiliary_decode_heads, strict=True):
            decode = partial(decoder, size=size)
            logits = decode(perturb(feature, classes, decode))
            terms.append(probability_consistency(logits, main, valid))
        return torch.stack(terms).mean()

    def zero_loss(self) -> Tensor:
        """Return zero, with a zero gradient for the auxiliary decoders.

        Distributed training waits for a gradient of every parameter.
        """
        return 0.0 * sum(weight.sum() for weight in self.auxiliary_decode_heads.parameters())


def build_perturbations(configs: Sequence[dict]) -> list[nn.Module]:
    """Build the perturbations, each repeated ``count`` times."""
    built = []
    for config in configs:
        count, perturb = config.get("count"), config.get("perturb")
        expect(
            isinstance(count, int) and count >= 0 and perturb is not None and len(config) == 2,
            "each of model.perturbations",
            "dict(count=N, perturb=dict(type=...)) for N auxiliary decoders",
            dict(config),
        )
        built += [MODELS.build(perturb) for _ in range(count)]
    cure = "Use type='Supervised' to train without unlabeled images."
    expect(bool(built), "model.perturbations", "one auxiliary decoder or more", configs, cure)
    return built
