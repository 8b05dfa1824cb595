# SPDX-License-Identifier: Apache-2.0
"""MixMatch: guessed labels of several views, and MixUp of all images with all."""

from typing import Any

import torch
from torch import Tensor

from rankseg.models.layers import frozen_statistics
from rankseg.models.losses import soft_cross_entropy, soft_squared_error
from rankseg.models.methods.base import Method
from rankseg.models.methods.image_level import classes_of, refuse_masks
from rankseg.models.mixup import draw_mixup, mixup, sharpen
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, strong


@MODELS.register_module()
class MixMatch(Method):
    r"""Cross-entropy and squared error of mixed images, whose labels are mixed as well.

    .. math:: L = CE(X', p) + r(t) \, \lambda_u \, \lVert softmax(z(U')) - q \rVert^2 / K

    The soft label of an unlabelled image is the network's mean probability over its views,
    sharpened; every view gets it. The labelled images and all views are then mixed with a random
    order of themselves, each with its own share of at least one half, so that a mixed image counts
    as labelled where the larger part of it is.

    All mixed images go through the network together: they share their batch statistics, and there
    is nothing to interleave, which the released code does as it runs them in batches of one kind.
    As there, the guesses normalise by their own batch and leave no trace in the running statistics.

    A method that guesses otherwise overrides :meth:`opinion` or :meth:`guess`, one whose labelled
    images have soft labels :meth:`labels`.

    Args:
        guesses: Views ``K`` of an unlabelled image: the weak one, and ``K - 1`` that the pipeline
            draws like it (``DrawViews(weak=..., strong="weak", num=K - 1)``).
        temperature: ``T`` of the sharpening.
        alpha: Of the Beta distribution of the shares.
        unlabeled_weight: ``lambda_u``.
        **kwargs: Of :class:`~rankseg.models.methods.base.Method`; ``ramp`` is ``r(t)``, and
            ``teacher`` with ``predict_on="teacher"`` the average of the weights that is evaluated.

    Raises:
        ValueError: If a number is out of its range.

    Source: Berthelot et al., MixMatch (NeurIPS 2019), algorithm 1, and its released code.
    """

    def __init__(
        self,
        student: dict,
        guesses: int = 2,
        temperature: float = 0.5,
        alpha: float = 0.75,
        unlabeled_weight: float = 75.0,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        if not isinstance(guesses, int) or guesses < 1:
            raise ValueError(f"model.guesses={guesses}: expected a number of views, 1 or more")
        for name, value in (("temperature", temperature), ("alpha", alpha)):
            if value <= 0:
                raise ValueError(f"model.{name}={value}: expected a number above 0")
        if unlabeled_weight < 0:
            raise ValueError(f"model.unlabeled_weight={unlabeled_weight}: expected 0 or more")
        self.views = (LABELED, WEAK, *(strong(number) for number in range(1, guesses)))
        self.temperature = temperature
        self.alpha = alpha
        self.unlabeled_weight = unlabeled_weight

    def check_dataset(self, dataset: Any) -> None:
        """See the base class.

        Raises:
            ValueError: If its labels are masks.
        """
        refuse_masks(dataset, self)

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """One step; see the class for the formula."""
        views = [inputs[name] for name in self.views[1:]]
        label, guess = self.labels(data_samples[LABELED]), self.guess(views, data_samples[WEAK])
        return self.mixed_terms(inputs[LABELED], label, views, guess, data_samples[WEAK])

    def mixed_terms(
        self, labeled: Tensor, label: Tensor, views: list[Tensor], guess: Tensor, samples: list
    ) -> dict[str, Tensor]:
        """Losses of the student on mixed images.

        Args:
            labeled: ``(B, 3, H, W)`` labelled images.
            label: ``(B, K)`` their distributions.
            views: ``(B', 3, H, W)`` each, of the unlabelled images.
            guess: ``(B', K)`` soft labels of these.
            samples: Of the unlabelled images, to measure the guesses.
        """
        images, target = self.mix(
            torch.cat((labeled, *views)), torch.cat((label, *[guess] * len(views)))
        )
        logits = self.run(self.student, images).logits.flatten(1)
        sizes = [len(label), len(logits) - len(label)]
        of_labeled, of_unlabeled = zip(logits.split(sizes), target.split(sizes), strict=True)
        weight = self.unsupervised_weight() * self.unlabeled_weight
        best = guess.argmax(1)[:, None, None]
        self.track(best, torch.ones_like(best, dtype=torch.bool), samples)
        return {
            "loss_x": soft_cross_entropy(*of_labeled),
            "loss_u": weight * soft_squared_error(*of_unlabeled),
        }

    def labels(self, data_samples: list) -> Tensor:
        """``(B, K)`` distributions of labelled images: all on the class that is given."""
        classes = torch.arange(self.student.decode_head.num_classes)
        label = classes_of(data_samples)
        return (label[:, None] == classes.to(label.device, non_blocking=True)).float()

    @torch.no_grad()
    def guess(self, views: list[Tensor], data_samples: list) -> Tensor:
        """Soft labels of unlabelled images, without gradient.

        Args:
            views: ``(B, 3, H, W)`` each.
            data_samples: Of the ``B`` images, for methods that know some of them by number.

        Returns:
            ``(B, K)`` float32, rows add up to 1.
        """
        probability = self.opinion(torch.cat(views)).unflatten(0, (len(views), -1)).mean(0)
        return sharpen(probability, self.temperature)

    def opinion(self, images: Tensor) -> Tensor:
        """Probabilities of the network that guesses, ``(N, K)`` float32, called without gradient.

        It is the student, normalising by these images; with ``labels_from="teacher"`` the teacher.
        """
        if self.labels_from == "teacher":
            output = self.run_frozen("teacher", images)
        else:
            with frozen_statistics(self.student):
                output = self.run(self.student, images)
        return output.logits.flatten(1).float().softmax(1)

    def mix(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images, and their soft labels likewise, with a random order of themselves."""
        share, partner = draw_mixup(len(images), self.alpha)
        share = share.to(images.device, non_blocking=True)
        partner = partner.to(images.device, non_blocking=True)
        return mixup(images, share, partner), mixup(target, share, partner)
