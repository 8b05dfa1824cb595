# SPDX-License-Identifier: Apache-2.0
"""Hook that standardizes the features of a classifier before training."""

from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from rankseg.engine.hooks.base import FeatureHook
from rankseg.engine.unwrap import unwrap_method
from rankseg.models.layers import StandardizedLayer
from rankseg.models.methods import Method
from rankseg.registry import HOOKS


def standardized_layers(network: nn.Module) -> list[StandardizedLayer]:
    """Return the standardized layers of a network."""
    return [layer for layer in network.modules() if isinstance(layer, StandardizedLayer)]


@HOOKS.register_module()
class FeatureStatisticsHook(FeatureHook):
    """Hook that fits every :class:`~rankseg.models.layers.StandardizedLayer` before training.

    It computes the features of the labeled images with the pipeline of ``val_dataloader``. Layers
    that a checkpoint has fitted keep their statistics.

    Args:
        num_images: Number of labeled images to use, the first ones; ``None`` uses all.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.

    Raises:
        ValueError: Before training, if the student has no such layer, or there are fewer than two
            labeled images.
    """

    def __init__(
        self,
        num_images: int | None = None,
        batch_size: int = 256,
        num_workers: int | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers)
        self.num_images = num_images

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict:
        """See the base class; a few images are enough."""
        return config | dict(num_images=4)

    def check_method(self, method: Method) -> None:
        """See the base class; the student must have a layer to fit."""
        super().check_method(method)
        if not standardized_layers(method.student):
            raise ValueError(
                "Expected a StandardizedLayer in model.student for FeatureStatisticsHook, which "
                "fits it, but got none. Add one to decode_head.branches, or remove the hook."
            )

    def check_dataset(self, dataset: Dataset) -> None:
        """See the base class; a variance needs two labeled images."""
        if dataset.num_labeled < 2:
            raise ValueError(
                "Expected at least 2 labeled images for FeatureStatisticsHook, but got "
                f"{dataset.num_labeled}. Label more images, or remove the hook."
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup and fit the layers that have no statistics yet."""
        super().before_train(runner)
        layers = standardized_layers(unwrap_method(runner).student)
        layers = [layer for layer in layers if not layer.fitted]
        if layers:
            count = runner.train_dataloader.dataset.num_labeled
            found = self.extract(runner, range(min(count, self.num_images or count)))
            for layer in layers:
                layer.fit(found.feature.to(layer.mean.device))
