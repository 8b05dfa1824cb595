# SPDX-License-Identifier: Apache-2.0
"""Hook that trains the pseudo-label classifier of CMSF."""

import copy
import time

import torch
import torch.nn.functional as F
from mmengine.dist import broadcast
from mmengine.runner import Runner
from torch import Tensor, nn

from rankseg.engine.hooks.base import RunHook
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.models.methods import CMSF, Method
from rankseg.registry import HOOKS


def fit_classifier(
    classifier: nn.Module,
    feature: Tensor,
    label: Tensor,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    momentum: float,
    weight_decay: float,
    seed: int,
    restart: bool = False,
) -> float:
    """Train a classifier of vectors ``(N, D)`` in place by SGD on cross-entropy.

    The optimizer is new, and with ``restart`` so are the weights. A last batch of one is skipped,
    because batch norm has no statistics of it. The random number generators of the process are
    unchanged. The classifier is left in eval mode.

    Returns:
        Training accuracy after the last epoch, in ``[0, 1]``.
    """
    device = feature.device
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)  # seeds the CPU generator only
        for layer in classifier.cpu().modules() if restart else ():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        classifier.to(device).train().requires_grad_(True)
        optimizer = torch.optim.SGD(
            classifier.parameters(), lr, momentum, weight_decay=weight_decay
        )
        for _ in range(epochs):
            for rows in torch.randperm(len(feature)).to(device).split(batch_size):
                if len(rows) > 1:
                    optimizer.zero_grad()
                    F.cross_entropy(classifier(feature[rows]).float(), label[rows]).backward()
                    optimizer.step()
    classifier.eval().requires_grad_(False)
    with torch.no_grad():
        return (classifier(feature).argmax(1) == label).float().mean().item()


@HOOKS.register_module()
class PseudoClassifierHook(RunHook):
    """Hook that trains the classifier of :class:`~rankseg.models.methods.CMSF` in every pass.

    The classifier is trained on the latest target features of the labeled images, which the method
    stores. It goes on learning from round to round, some 400 rounds in 200 passes, while each round
    has a new optimizer. The log reports its training accuracy. Unlabeled images are not constrained
    until the classifier has been trained once.

    Args:
        per_pass: Trainings per pass over the unlabeled images, evenly spaced: 2 trains in the
            middle and at the end.
        epochs: Passes over the labeled images.
        batch_size: Batch size of labeled images.
        lr: Learning rate.
        momentum: Momentum of SGD.
        weight_decay: Weight decay of SGD.
        restart: Start every round from new random weights.

    Raises:
        ValueError: If a number is below 1 or, before training, if the method has no classifier.

    Source: CMSF (ECCV 2022), section 2.3; all numbers are those of its released code.
    """

    priority = "NORMAL"  # after a bad step is undone, before a checkpoint is written
    method_type = CMSF

    def __init__(
        self,
        per_pass: int = 2,
        epochs: int = 10,
        batch_size: int = 256,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        restart: bool = False,
    ) -> None:
        expect(per_pass >= 1, "per_pass of PseudoClassifierHook", "1 or more", per_pass)
        expect(epochs >= 1, "epochs of PseudoClassifierHook", "1 or more", epochs)
        name = "batch_size of PseudoClassifierHook"
        expect(batch_size >= 2, name, "2 or more", batch_size)  # for batch norm
        self.per_pass = per_pass
        self.options = dict(epochs=epochs, batch_size=batch_size)
        self.options |= dict(lr=lr, momentum=momentum, weight_decay=weight_decay, restart=restart)

    def check_method(self, method: Method) -> None:
        """See the base class; the method must have a classifier."""
        super().check_method(method)
        if method.classifier is None:
            raise ValueError(
                "Expected model.classifier for PseudoClassifierHook, which trains it, but got "
                "None. Set model.classifier=dict(type='Projector', normalize=False), or remove the "
                "hook."
            )

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Train the classifier if it is due."""
        length = runner.train_dataloader.sampler.iters_per_epoch
        done = runner.iter % length + 1
        if done in {max(1, round(length * i / self.per_pass)) for i in range(1, self.per_pass + 1)}:
            self.fit(runner)

    def fit(self, runner: Runner) -> None:
        """Train the classifier on the stored features of labeled images."""
        start, method = time.monotonic(), unwrap_method(runner)
        feature, label = method.labeled_features()
        if len(feature) < 2:
            return
        fresh = copy.deepcopy(method.classifier)
        seed = (runner.seed or 0) * 1_000_003 + runner.iter
        right = fit_classifier(fresh, feature, label, seed=seed, **self.options)
        state = fresh.state_dict()
        for tensor in state.values():  # rounding may differ between devices
            broadcast(tensor)
        method.set_classifier(state)
        runner.logger.info(
            f"classifier for pseudo-labels: trained on {len(feature)} labeled images in "
            f"{time.monotonic() - start:.1f} s, accuracy {100 * right:.1f}%"
        )
