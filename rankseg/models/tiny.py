# SPDX-License-Identifier: Apache-2.0
"""Interface of parts of a model that become small for a trial run."""


class TinyPart:
    """Mixin for classes in ``rankseg.registry.MODELS`` whose config ``--tiny`` shrinks.

    ``--tiny`` calls :meth:`make_tiny` for the method and for each part inside its config.
    """

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """Shrink a config of this class in place.

        Args:
            config: The config.
            cells: Positions along one side of the feature map; None for a classifier, whose images
                keep their size.
        """
