# SPDX-License-Identifier: Apache-2.0
"""Loading of a trained network with its weights, classes and normalization."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from rankseg.datasets.class_names import LONGEST, STACK_NOTES, read_class_file
from rankseg.engine.resilience.checkpoint import (
    DamagedCheckpointError,
    load_checkpoint_file,
    mismatch_error,
)
from rankseg.errors import expect
from rankseg.models.backbones import TimmTrunk
from rankseg.models.methods import Method
from rankseg.models.methods.base import NETWORKS
from rankseg.models.preprocessor import ViewPreprocessor
from rankseg.models.segmentors.extended_segmentor import check_inserted_weights
from rankseg.models.windows import predict
from rankseg.registry import DATASETS, MODELS
from rankseg.training.config import datasets_of
from rankseg.utils.atomic_file import read_json
from rankseg.utils.config_nodes import nodes
from rankseg.utils.palette import class_palette, distinct_colors
from rankseg.utils.run_summary import is_number
from rankseg.utils.safe_text import printable

AUTO = "auto"


class Trained(NamedTuple):
    """Trained network with all that is needed to export it.

    Attributes:
        network: An mmseg segmentor on the CPU, in eval mode.
        name: ``"student"`` or ``"teacher"``.
        mean: Means of R, G, B in gray levels, 0 to 255.
        std: Standard deviations of R, G, B in gray levels.
        classes: Class names in id order.
        palette: One RGB color for each class.
    """

    network: nn.Module
    name: str
    mean: list[float]
    std: list[float]
    classes: list[str]
    palette: list[list[int]]


def load_method(
    cfg: Config,
    checkpoint: str,
    state: Any = None,
    device: str | torch.device | None = None,
) -> Method:
    """Build the method of a config and load a checkpoint, by default on the GPU if there is one."""
    if state is None:
        state = load_checkpoint_file(checkpoint, map_location="cpu")
    weights = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(weights, Mapping):
        raise DamagedCheckpointError(
            f"Expected checkpoint {checkpoint} to map names to weights, as iter_*.pth of a run "
            f"does, but got a {type(weights).__name__}. Use another file."
        )
    method: Method = MODELS.build({**cfg.model, "pretrained": None})
    try:
        method.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise mismatch_error(checkpoint, error) from error
    check_inserted_weights(method, checkpoint)
    return method.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def untrained(cfg: Config, seed: int = 0) -> Method:
    """Build the method of a config with random weights only, on the GPU if there is one.

    The random state of the process is not changed.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = copy.deepcopy({**cfg.model, "pretrained": None})
        for _, node in nodes(model):
            if node.get("type") == TimmTrunk.__name__:
                node["weights"] = None
        method: Method = MODELS.build(model)
        method.init_weights()
    return method.to("cuda" if torch.cuda.is_available() else "cpu")


def load_trained(cfg: Config, checkpoint: str, network: str | None = None) -> Trained:
    """Build the method of a config, load a checkpoint and extract one network."""
    init_default_scope(cfg.get("default_scope", "rankseg"))
    preprocessor = cfg.model.get("data_preprocessor") or {}
    if preprocessor.get("type") != "ViewPreprocessor":
        raise ValueError(
            "Expected model.data_preprocessor.type to be 'ViewPreprocessor', whose mean and std "
            f"normalize images, but got {preprocessor.get('type')!r}. Change it in the config."
        )
    state = load_checkpoint_file(checkpoint, map_location="cpu")
    method = load_method(cfg, checkpoint, state, "cpu")
    name = choose_network(method, network or AUTO)
    segmentor = method.network(name).eval()
    names, palette = classes_of(cfg, state.get("meta"), segmentor.decode_head.num_classes)
    mean, std = ([float(x) for x in preprocessor[key]] for key in ("mean", "std"))
    return Trained(segmentor, name, mean, std, names, palette)


def _in_file(node: Mapping) -> dict[str, Any]:
    """Return names and colors from a ``classes_file``, if it exists."""
    path = Path(str(node.get("data_root") or ""), str(node.get("classes_file") or ""))
    if not node.get("classes_file") or not path.is_file():
        return {}
    found = read_class_file(path)
    return {"classes": found.names, "palette": found.palette}


def classes_of(cfg: Config, meta: Any, number: int) -> tuple[list[str], list[list[int]]]:
    """Return names and colors of the classes. The data set is not needed.

    If neither the checkpoint nor the config names this number of classes, the names are ``class
    0``, ``class 1``, ...
    """
    infos = [(meta if isinstance(meta, dict) else {}).get("dataset_meta") or {}]
    for node in datasets_of(cfg):
        built_in = getattr(DATASETS.get(node["type"]), "METAINFO", {})
        own = {"classes": node["classes"]} if node.get("classes") else {}
        infos.append({**built_in, **_in_file(node), **(node.get("metainfo") or {}), **own})
    for info in infos:
        names = list(info.get("classes") or ())
        if len(names) == number:
            palette = info.get("palette") or ()
            if len(palette) != number:
                palette = class_palette(names)
            return [printable(str(name))[:LONGEST] for name in names], [
                [int(x) for x in rgb] for rgb in palette
            ]
    return [f"class {i}" for i in range(number)], distinct_colors(number)


def _stack_notes(node: Mapping) -> dict[str, Any]:
    """Read the notes of a data set that was converted from a stack, empty if there are none."""
    return read_json(Path(node.get("data_root") or ".") / STACK_NOTES, _check_stack_notes) or {}


def _check_stack_notes(notes: Any) -> None:
    """Raise ``ValueError`` or ``TypeError`` for notes that no conversion wrote."""
    if not isinstance(notes, dict):
        raise ValueError("expected an object")
    low, high = notes.get("value_range") or (0, 1)
    shrink = notes.get("shrink") or 1
    if not (is_number(low) and is_number(high) and low < high and is_number(shrink) and shrink > 0):
        raise ValueError("expected a range of values and a factor")


def value_range_of(cfg: Config) -> list[float] | None:
    """Return the values that the network sees as black and white in images of more than 8 bits.

    They come from the config, or from the folder of its data set if it exists and was converted
    from a stack. Returns None if neither has them.
    """
    dataset = (cfg.get("test_dataloader") or {}).get("dataset") or {}
    ranges = [step.get("value_range") for step in dataset.get("pipeline") or ()]
    for node in datasets_of(cfg):
        ranges.append(_stack_notes(node).get("value_range"))
    return next((list(one) for one in ranges if one), None)


def channels_of(cfg: Config) -> tuple[int, ...] | None:
    """Return the image bands that a network uses, or None for the default ones."""
    dataset = (cfg.get("test_dataloader") or {}).get("dataset") or {}
    chosen = [step.get("channels") for step in dataset.get("pipeline") or ()]
    return next((tuple(one) for one in chosen if one), None)


def shrink_of(cfg: Config, source: str | Path) -> float:
    """Return the factor by which the training pages of a network were shrunk, or 1.

    Images in the folder of the data set were shrunk already: for these the factor is 1.
    """
    for node in datasets_of(cfg):
        root = Path(node.get("data_root") or ".")
        factor = _stack_notes(node).get("shrink")
        if factor and not Path(source).resolve().is_relative_to(root.resolve()):
            return float(factor)
    return 1.0


def channel_of(cfg: Config) -> int | None:
    """Return the channel, from 1, of the hyperstack that a network was trained on, if known."""
    for node in datasets_of(cfg):
        channel = _stack_notes(node).get("channel")
        if isinstance(channel, int):
            return channel
    return None


def check_noted_classes(meta: Any, number: int, checkpoint: str | Path) -> None:
    """Check that a checkpoint was trained on the number of classes in the config."""
    noted = meta.get("dataset_meta") if isinstance(meta, Mapping) else None
    names = (noted or {}).get("classes")
    if names and len(names) != number:
        shown = ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")
        raise ValueError(
            f"Expected checkpoint {checkpoint} to have {number} classes, as "
            f"model.student.decode_head.num_classes of the config says, but it was trained on "
            f"{len(names)} ({shown}). Use the config that it was trained with."
        )


def choose_network(method: Method, weights: str = AUTO) -> str:
    """Return the name of the network to use; by default the one that the method predicts with."""
    wanted = "auto, student or teacher"
    expect(weights in (AUTO, *NETWORKS), "weights", wanted, weights, "Change --weights.")
    if weights == "teacher" and method.teacher is None:
        raise ValueError(
            f"Expected a method with a teacher, but got {type(method).__name__}. Use the student."
        )
    return method.predict_on if weights == AUTO else weights


def choose_device(device: str | torch.device | None) -> torch.device:
    """Return an available device."""
    if device in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"Expected an available device, but got {device} ({reason}). Leave --device out, or "
            "use cpu, cuda or cuda:N."
        ) from error


@torch.no_grad()
def logits_of(trained: Trained, images: Tensor, windows: bool = False) -> Tensor:
    """Return the logits of uint8 RGB images, ``(B, K, H, W)``, or ``(B, K, 1, 1)`` of a classifier.

    With ``windows``, predict as ``test_cfg`` says, otherwise whole images.
    """
    shape = tuple(images.shape[2:])
    samples = [SegDataSample(metainfo={"ori_shape": shape, "img_shape": shape}) for _ in images]
    preprocessor = ViewPreprocessor(trained.mean, trained.std)
    data = preprocessor({"inputs": list(images), "data_samples": samples})
    if windows:
        results = predict(trained.network, data["inputs"], data["data_samples"])
        return torch.stack([result.seg_logits.data for result in results])
    return trained.network.encode_decode(data["inputs"], [s.metainfo for s in samples])
