# SPDX-License-Identifier: Apache-2.0
"""MixMatch: labels guessed from several views, and MixUp across all images."""

import torch
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.layers import frozen_statistics
from rankseg.models.losses import soft_cross_entropy, soft_squared_error
from rankseg.models.methods.base import Method, classes_of
from rankseg.models.mixing import draw_mixup, mixup, sharpen
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, strong


@MODELS.register_module()
class MixMatch(Method):
    r"""Cross-entropy and squared error on mixed images with mixed labels.

    .. math:: L = CE(X', p) + r(t) \, \lambda_u \, \lVert softmax(z(U')) - q \rVert^2 / K

    The soft label of an unlabeled image is the sharpened mean probability over its views, and every
    view gets it. The labeled images and all views are then mixed with a random permutation of
    themselves. Each image keeps a random share of at least one half, so a mixed image counts as
    labeled if its larger part is labeled.

    All mixed images run through the network in one pass and share batch statistics. Therefore no
    interleaving is needed; the released code interleaves because it runs the batches separately. As
    in the released code, the guesses normalize with their own batch statistics and do not update
    the running statistics.

    Subclasses that guess differently override :meth:`probabilities` or :meth:`guess`. Those with
    soft labels for labeled images override :meth:`labels`.

    Args:
        guesses: Number of views ``K`` of an unlabeled image: the weak one, and ``K - 1`` drawn in
            the same way by the pipeline (``DrawViews(weak=..., strong="weak", num=K - 1)``).
        temperature: Sharpening temperature ``T``.
        alpha: Parameter of the Beta distribution of the shares.
        unlabeled_weight: ``lambda_u``.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`. ``ramp`` is ``r(t)``;
            ``teacher`` with ``predict_on="teacher"`` is the average of the weights that is
            evaluated.

    Raises:
        ValueError: If a number is out of range.

    Source: Berthelot et al., MixMatch (NeurIPS 2019), algorithm 1, and its released code.
    """

    needs_image_labels = True

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
        whole = isinstance(guesses, int)
        expect(whole and guesses >= 1, "model.guesses", "a number of views, 1 or more", guesses)
        for name, value in (("temperature", temperature), ("alpha", alpha)):
            expect(value > 0, f"model.{name}", "above 0", value)
        expect(unlabeled_weight >= 0, "model.unlabeled_weight", "0 or more", unlabeled_weight)
        self.views = (LABELED, WEAK, *(strong(number) for number in range(1, guesses)))
        self.temperature = temperature
        self.alpha = alpha
        self.unlabeled_weight = unlabeled_weight

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; see the class for the formula."""
        views = [inputs[name] for name in self.views[1:]]
        label, guess = self.labels(data_samples[LABELED]), self.guess(views, data_samples[WEAK])
        return self.mixed_terms(inputs[LABELED], label, views, guess, data_samples[WEAK])

    def mixed_terms(
        self, labeled: Tensor, label: Tensor, views: list[Tensor], guess: Tensor, samples: list
    ) -> dict[str, Tensor]:
        """Compute the student's losses on mixed images.

        Args:
            labeled: ``(B, 3, H, W)`` labeled images.
            label: ``(B, K)`` label distributions.
            views: Views of the unlabeled images, each ``(B', 3, H, W)``.
            guess: ``(B', K)`` soft labels of the unlabeled images.
            samples: Samples of the unlabeled images, used to measure the guesses.
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
            **self.guidance(images[: len(label)], of_labeled[0]),
        }

    def guidance(self, images: Tensor, logits: Tensor) -> dict[str, Tensor]:
        """Return further loss terms of mixed images that count as labeled; none in MixMatch.

        Args:
            images: ``(B, 3, H, W)`` mixed images.
            logits: ``(B, K)`` logits of the student for them.
        """
        return {}

    def labels(self, data_samples: list) -> Tensor:
        """Return ``(B, K)`` one-hot distributions of labeled images."""
        classes = torch.arange(self.student.decode_head.num_classes)
        label = classes_of(data_samples)
        return (label[:, None] == classes.to(label.device, non_blocking=True)).float()

    @torch.no_grad()
    def guess(self, views: list[Tensor], data_samples: list) -> Tensor:
        """Guess soft labels of unlabeled images, without gradient.

        Args:
            views: Views, each ``(B, 3, H, W)``.
            data_samples: Samples of the ``B`` images, for methods that look up images by index.

        Returns:
            ``(B, K)`` float32, rows sum to 1.
        """
        probability = self.probabilities(torch.cat(views)).unflatten(0, (len(views), -1)).mean(0)
        return sharpen(probability, self.temperature)

    def probabilities(self, images: Tensor) -> Tensor:
        """Compute ``(N, K)`` float32 probabilities to guess labels from, without gradient.

        The student computes them with batch statistics of these images, or the teacher if
        ``labels_from="teacher"``.
        """
        if self.labels_from == "teacher":
            output = self.run_frozen("teacher", images)
        else:
            with frozen_statistics(self.student):
                output = self.run(self.student, images)
        return output.logits.flatten(1).float().softmax(1)

    def mix(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images and their soft labels with a random permutation of themselves."""
        share, partner = draw_mixup(len(images), self.alpha)
        share = share.to(images.device, non_blocking=True)
        partner = partner.to(images.device, non_blocking=True)
        return mixup(images, share, partner), mixup(target, share, partner)
