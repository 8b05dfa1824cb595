# SPDX-License-Identifier: Apache-2.0
"""Image files that do not belong to a data set."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.dataset import Compose
from torch.utils.data import Dataset

from rankseg.imageio.listing import list_images


class Photos(Dataset):
    """Data set of unlabeled image files and folders, loaded like a test set.

    Args:
        places: Files, or folders that are searched recursively.
        pipeline: Configs of transforms, of which the first reads ``img_path``.

    Attributes:
        files: The image files.
        pipeline: The composed transforms.

    Raises:
        FileNotFoundError: If a file or folder is missing, or a folder contains no image.
    """

    def __init__(self, places: Sequence[str | Path], pipeline: Sequence[dict]) -> None:
        self.files = [file for place in places for file, _ in list_images(place)]
        self.pipeline = Compose(pipeline)
        self.source = ", ".join(map(str, places))

    def __len__(self) -> int:
        return len(self.files)

    def get_data_info(self, index: int) -> dict:
        """Return the input of the first transform."""
        return {"img_path": str(self.files[index]), "sample_idx": index}

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(self.get_data_info(index))
