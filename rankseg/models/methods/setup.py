# SPDX-License-Identifier: Apache-2.0
"""Facts that a method states about itself before training: its views, its sizes and its data."""

from typing import Any

from torch import nn

from rankseg.models.heads import ImageLevelHead
from rankseg.models.tiny import TinyPart
from rankseg.structures import LABELED


class MethodSetup(TinyPart):
    """Base class of :class:`~rankseg.models.methods.base.Method` with all that precedes a step."""

    student: nn.Module
    views: tuple[str, ...] = (LABELED,)  # views that a batch must contain
    needs_image_labels = False  # whether labels must be one class per image, not masks
    labeled_steps = 0  # first iterations that train on the labeled images alone

    @property
    def image_level(self) -> bool:
        """Return whether the student predicts one class or embedding per image."""
        return isinstance(self.student.decode_head, ImageLevelHead)

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """Shrink a config of this method so that two iterations run all of its terms."""
        config.update(warmup=0, ramp=0)
        cls.shrink_memory(config)

    @classmethod
    def shrink_memory(cls, config: dict) -> None:
        """Shrink the memory sizes in a config of this method, in place."""

    @classmethod
    def fit_memory(cls, config: dict, num_labeled: int, num_unlabeled: int) -> None:
        """Set the memory sizes in a config that must match the numbers of images, in place."""

    def needed_views(self, unlabeled: int) -> set[str]:
        """Return the views that a batch must contain.

        Args:
            unlabeled: Number of unlabeled images in the batch of one process.
        """
        return set(self.views)

    def check_features(self, size: tuple[int, int]) -> None:
        """Check the options that depend on the size of the feature map.

        Args:
            size: Height and width of the feature map of a training crop.

        Raises:
            ValueError: If an option does not fit.
        """

    def check_weights(self, config_file: str | None = None) -> None:
        """Check further weight files that the method loads; called before training.

        Args:
            config_file: Config of the run, for the commands in messages.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If a file does not fit.
        """

    def check_run(self, cfg: Any) -> None:
        """Check options that depend on other parts of the config; called before training.

        Raises:
            ValueError: If an option does not fit.
        """

    def check_dataset(self, dataset: Any) -> None:
        """Check that the method can train on a data set; called before training.

        Args:
            dataset: The :class:`~rankseg.datasets.SemiDataset` of the training loader.

        Raises:
            ValueError: If the method cannot train on it, for example because it needs one class per
                image and labels are masks.
        """
        if self.needs_image_labels and not dataset.labeled.image_level:
            raise ValueError(
                f"Expected one class per image, which {type(self).__name__} needs, but the labels "
                f"of {type(dataset.labeled).__name__} are masks. Use a data set with one class per "
                "image, such as ClassFolderDataset."
            )
