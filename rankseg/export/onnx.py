# SPDX-License-Identifier: Apache-2.0
"""Export of a trained network to an ONNX file, checked against the original network."""

import importlib.util
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from rankseg.export.deployed import Deployed
from rankseg.export.onnx_operators import OPSET, register_operators
from rankseg.export.released import refuse_existing
from rankseg.inference.load import Trained, load_trained, logits_of, value_range_of
from rankseg.models.layers.lora import merge_lora
from rankseg.training.validation import is_embedding, is_image_level
from rankseg.utils.atomic_file import atomic_write
from rankseg.version import __version__

TOLERANCE = 1e-4
PACKAGES = ("onnx", "onnxruntime")
EXAMPLE = (2, 74, 86)  # no side is a multiple of a stride (plus 1), which takes a special path
CHECKED = ((1, 64, 64), (2, 65, 97), (3, 50, 131))


def export_onnx(
    cfg: Config,
    checkpoint: str,
    out: str | Path,
    *,
    network: str | None = None,
    with_preprocessing: bool = False,
    argmax: bool = False,
) -> dict[str, Any]:
    """Write one ONNX file for any batch and image size.

    Before the file is written, onnxruntime runs the model on random images of three sizes. Its
    logits must match this package within 1e-4 of the largest logit, or of 1 if that is larger. The
    file is written completely or not at all.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        out: Output file, which must not exist.
        network: ``"student"`` or ``"teacher"``. Default: the network used for prediction.
        with_preprocessing: Take raw uint8 images, ``(B, H, W, 3)`` RGB, instead of normalized
            ``(B, 3, H, W)`` float32.
        argmax: Return classes instead of logits, see :class:`~rankseg.export.deployed.Deployed`.

    Returns:
        ``difference``, the largest difference of a logit (with ``argmax``, how far the logit of the
        chosen class is below the best); ``network``; ``opset``; and ``metadata``, as stored in the
        file.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If packages are missing, the checkpoint does not match, the network cannot be
            exported, the results differ, or the file exists.
        WriteError: If the file cannot be written.
    """
    out = Path(out)
    refuse_existing(out)
    need_packages()
    trained = load_trained(cfg, checkpoint, network)
    merge_lora(trained.network)
    if trained.network.decode_head.out_channels == 1:
        raise ValueError(
            "Expected one output channel per class, but got decode_head.out_channels=1, which "
            "uses a threshold. Set out_channels to the number of classes and train again."
        )
    if argmax and is_embedding(cfg):
        raise ValueError(
            "Expected a network with classes for argmax, but got an embedding. Leave --argmax out."
        )
    image_level = is_image_level(cfg)
    normalize = (trained.mean, trained.std) if with_preprocessing else None
    model = Deployed(trained.network, image_level, normalize, argmax).eval()
    metadata = describe(cfg, trained, model) | {"checkpoint": Path(checkpoint).name}
    content = to_bytes(model, trained, metadata)
    difference = compare(content, trained, model)
    with atomic_write(out) as partial:
        partial.write_bytes(content)
    return {
        "difference": difference,
        "network": trained.name,
        "opset": OPSET,
        "metadata": metadata,
    }


def need_packages() -> None:
    """Raise ``ValueError`` if packages that only the export needs are missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"Expected the packages of ONNX export, but {', '.join(missing)} is not installed. Run "
            "pip install -c constraints.txt -e '.[export]'"
        )


def describe(cfg: Config, trained: Trained, model: Deployed) -> dict[str, str]:
    """Return the metadata that a program needs to use the file; lists are encoded as JSON."""
    source = "float32 (batch, 3, height, width), RGB, (gray level 0 to 255 - mean) / std"
    if model.raw:
        source = "uint8 (batch, height, width, 3), RGB, 0 to 255"
    axes = "" if model.image_level else ", height, width"
    number = len(trained.classes)
    result = f"float32 (batch, {number}{axes}), logits"
    if model.argmax:
        result = f"{'uint8' if number <= 256 else 'int64'} (batch{axes}), class"
    task, names = "classification" if model.image_level else "segmentation", {}
    if is_embedding(cfg):
        task, result = "embedding", f"float32 (batch, {number}), of length 1"
    else:
        names = {"classes": json.dumps(trained.classes), "palette": json.dumps(trained.palette)}
    test_cfg = cfg.model.student.get("test_cfg") or {"mode": "whole"}
    value_range = value_range_of(cfg)
    return {
        "rankseg": __version__,
        "task": task,
        "input": source,
        "output": result,
        **names,
        "mean": json.dumps(trained.mean),
        "std": json.dumps(trained.std),
        "test_cfg": json.dumps(dict(test_cfg)),
    } | ({"value_range": json.dumps(value_range)} if value_range else {})


def to_bytes(model: Deployed, trained: Trained, metadata: dict[str, str]) -> bytes:
    """Return the content of the ONNX file.

    This uses the older of torch's two exporters, which traces one image through the network. It
    takes a second, while the newer one takes half a minute to analyze shapes. :func:`compare`
    detects sizes that tracing has fixed to those of the traced image.
    """
    import onnx

    result = "classes" if model.argmax else "logits"
    result = "embedding" if metadata["task"] == "embedding" else result
    rows, columns = (1, 2) if model.raw else (2, 3)
    axes = {"image": {0: "batch", rows: "height", columns: "width"}, result: {0: "batch"}}
    if not model.image_level:
        first = 1 if model.argmax else 2
        axes[result] |= {first: "height", first + 1: "width"}
    file = io.BytesIO()
    register_operators()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer warns about every size it reads
            torch.onnx.export(
                model,
                (as_input(random_images(*EXAMPLE), model, trained),),
                file,
                dynamo=False,
                input_names=["image"],
                output_names=[result],
                dynamic_axes=axes,
                opset_version=OPSET,
            )
    except (RuntimeError, TypeError, torch.onnx.OnnxExporterError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        network = model.network
        raise ValueError(
            f"torch cannot export {type(network.decode_head).__name__} on "
            f"{type(network.backbone).__name__} to ONNX: {reason[0]}"
        ) from error
    proto = onnx.load_model_from_string(file.getvalue())
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def random_images(number: int, height: int, width: int) -> Tensor:
    """Return ``(B, 3, H, W)`` uint8 random images, identical on every call."""
    chance = torch.Generator().manual_seed(height * width)
    size = (number, 3, height, width)
    return torch.randint(0, 256, size, generator=chance, dtype=torch.uint8)


def as_input(images: Tensor, model: Deployed, trained: Trained) -> Tensor:
    """Convert images to the input format of the exported file."""
    if model.raw:
        return images.permute(0, 2, 3, 1).contiguous()
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (trained.mean, trained.std))
    return (images.float() - mean) / std


def compare(content: bytes, trained: Trained, model: Deployed) -> float:
    """Return the largest difference between the results of onnxruntime and of this package.

    Raises:
        ValueError: If it is too large.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for size in CHECKED:
        images = random_images(*size)
        (found,) = session.run(None, {"image": as_input(images, model, trained).numpy()})
        logits = logits_of(trained, images)
        logits = logits.flatten(1) if model.image_level else logits
        found = torch.from_numpy(np.ascontiguousarray(found))
        if model.argmax:  # two classes may have nearly equal logits
            chosen = logits.gather(1, found.long().unsqueeze(1)).squeeze(1)
            difference = (logits.amax(1) - chosen).max().item()
        else:
            difference = (found - logits).abs().max().item()
        allowed = TOLERANCE * max(1.0, logits.abs().max().item())
        if not difference <= allowed:
            raise ValueError(
                "Expected results of onnxruntime to differ from ours by at most "
                f"{allowed:.2g}, but "
                f"got {difference:.2g} for images of {size[1]}x{size[2]}. Nothing was written. "
                "Please report this with the config."
            )
        largest = max(largest, difference)
    return largest
