# SPDX-License-Identifier: Apache-2.0
"""Networks and images that an analysis starts from, and checks of its options."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils.data import Dataset

from rankseg.imageio.listing import list_images
from rankseg.inference.load import load_method, untrained
from rankseg.models.methods import Method
from rankseg.training.validation import is_image_level


def check_positive(**counts: int) -> None:
    """Check that counts are 1 or more."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"Expected {name} to be 1 or more, but got {count}.")


def check_image_level(cfg: Config, name: str = "the config") -> None:
    """Check that the network of a config predicts one output per image."""
    if not is_image_level(cfg):
        raise ValueError(
            f"Expected model.student.decode_head of {name} to be a head for whole images, such as "
            f"ImageLevelHead or EmbeddingHead, but got {cfg.model.student.decode_head.type}."
        )


def load_network(
    cfg: Config, checkpoint: str | None, network: str | None = None
) -> tuple[Method, str]:
    """Build the method of a config for inference, and select one of its networks.

    Without a checkpoint the weights are random. By default the network is the one that the method
    predicts with. Return the method and the name of the network.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    method = untrained(cfg) if checkpoint is None else load_method(cfg, checkpoint)
    if network == "teacher" and method.teacher is None:
        raise ValueError(
            f"Expected network to be 'student', but got 'teacher', and {type(method).__name__} of "
            "this config has no teacher."
        )
    return method.eval(), network or method.predict_on


def load_segmentor(
    cfg: Config, checkpoint: str, network: str | None = None
) -> tuple[Method, nn.Module]:
    """Return the method and the selected network itself, see :func:`load_network`."""
    method, name = load_network(cfg, checkpoint, network)
    return method, method.network(name)


class ImageFiles(Dataset):
    """Data set of unlabeled image files and folders, searched recursively, loaded like a test set.

    The first transform of the pipeline reads ``img_path``.
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
