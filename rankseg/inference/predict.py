# SPDX-License-Identifier: Apache-2.0
"""Prediction of an image, a folder of images or a stack, written to a folder."""

import hashlib
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from rankseg.datasets.transforms.loading import check_range
from rankseg.imageio.bands import describe_bands
from rankseg.imageio.listing import list_images
from rankseg.imageio.tiff_axes import ONLY, Planes
from rankseg.inference.images import ImageFile, PageReader, inspect_images, pages_of
from rankseg.inference.inferencer import Inferencer
from rankseg.inference.load import channel_of, shrink_of, value_range_of
from rankseg.inference.output_folder import (
    FOUND_RANGE,
    check_output_folder,
    clear,
    found_range,
    write_note,
)
from rankseg.inference.prediction_loop import MaskPrediction, predict_classes
from rankseg.inference.writer import Outputs, PredictionWriter
from rankseg.training.validation import is_image_level
from rankseg.utils.atomic_file import write_text
from rankseg.utils.bfloat16 import why_float32

FAILED = "failed.txt"


class PredictionReport(NamedTuple):
    """Outcome of a prediction.

    Attributes:
        done: Number of images and stacks that were predicted.
        skipped: Number of those skipped because their masks existed.
        failed: One sentence for each that failed.
        notes: Remarks on unusual inputs that are not errors.
    """

    done: int
    skipped: int
    failed: list[str]
    notes: list[str]


def predict(
    cfg: Config,
    checkpoint: str | Path,
    source: str | Path,
    out: str | Path,
    *,
    outputs: Outputs | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    value_range: tuple[float, float] | None = None,
    topk: int = 5,
    shrink: float | None = None,
    planes: Planes = ONLY,
    **options: Any,
) -> PredictionReport:
    """Predict images and write masks and pictures, or for a classifier a table.

    Images that cannot be read or are too large are skipped and reported. If no image is readable,
    nothing is written.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        source: An image, a TIFF stack, or a folder that is searched recursively.
        out: Folder to write to: ``masks``, ``overlays``, ..., ``summary.csv`` with the class
            shares, and ``overview.png``. For a classifier: ``predictions.csv`` and
            ``overview.png``.
        outputs: Outputs to write besides masks; overlays by default.
        overwrite: Replace the results of an earlier prediction in ``out``.
        skip_existing: Keep the masks of an earlier prediction by the same network.
        value_range: Values mapped to 0 and 255 for images of more than 8 bits. Defaults to those of
            the config or, if its data set was converted from a stack, those of that stack. Without
            either, one range is measured over all images and stacks of ``source``.
        topk: Number of classes per image in the table of a classifier.
        shrink: Factor by which images are shrunk for the network. Defaults to the factor with which
            the stack of the data set was converted, except for images in the folder of the data
            set.
        planes: Channel, frame and series of TIFF stacks to read. Defaults to the channel that the
            conversion of the data set's stack read. Without that, a stack of several channels is
            refused.
        **options: Options of :class:`~rankseg.inference.inferencer.Inferencer`.

    Raises:
        ValueError, FileNotFoundError: If an argument is invalid. Nothing has been written then.
        WriteError: If a file cannot be written.
    """
    outputs = outputs or Outputs()
    files = list_images(source)
    value_range = check_range(value_range, "--value-range") or value_range_of(cfg)
    shrink = shrink_of(cfg, source) if shrink is None else shrink
    planes = planes._replace(usual_channel=planes.usual_channel or channel_of(cfg))
    made_by = {
        "config": str(Path(cfg.get("config_file") or "").resolve()),
        "fingerprint of the model's settings": _fingerprint(cfg),
        **_name_file(checkpoint),
        "binary_255": outputs.binary_255,
        "value_range": list(value_range) if value_range else None,
        "shrink": shrink,
        "planes": list(planes),
        **{key: options[key] for key in sorted(options) if key not in ("device", "batch")},
    }
    check_output_folder(out, source, made_by, overwrite, skip_existing)
    if is_image_level(cfg):
        _check_for_classes(outputs, skip_existing)
    inferencer = Inferencer(cfg, checkpoint, shrink=shrink, value_range=value_range, **options)
    if planes.usual_channel is None and len(inferencer.channels or ()) == 1:
        planes = planes._replace(usual_channel=inferencer.channels[0])
    writer = PredictionWriter(Path(out), inferencer.classes, inferencer.palette, outputs)
    with warnings.catch_warnings():  # files that Pillow warns about are reported as unreadable
        warnings.filterwarnings("ignore", module="PIL")
        images, bad = inspect_images(files, planes, inferencer.channels)
    if not images:
        _refuse_all(source, list(bad.values()))
    if outputs.overlays or outputs.uncertainty:
        _check_page_names(images)
    earlier = found_range(out) if skip_existing else None
    reader = PageReader(value_range or earlier, planes, inferencer.channels)
    reader.find_range(images)
    if overwrite:
        clear(out)
    write_note(out, made_by | {FOUND_RANGE: None if value_range else reader.value_range})
    skipped = []
    if inferencer.image_level:
        failed = predict_classes(inferencer, images, Path(out), reader, topk)
    else:
        if skip_existing:
            skipped = [one for one in images if writer.exists(one)]
        failed = MaskPrediction(inferencer, writer, reader).run(images, skipped)
        skipped = [one for one in skipped if one.path not in failed]
    sentences = [text for file, _ in files for text in [{**bad, **failed}.get(file)] if text]
    done = len(files) - len(sentences) - len(skipped)
    _write_failed(Path(out), sentences)
    notes = _notes(images, reader, shrink, earlier)
    if inferencer.amp and (sentence := why_float32(inferencer.device.type)):
        notes.append(sentence)
    return PredictionReport(done, len(skipped), sentences, notes)


def _refuse_all(source: str | Path, sentences: list[str]) -> None:
    """Raise an error if no image is readable, before anything is written."""
    if len(sentences) == 1:
        raise ValueError(sentences[0])
    raise ValueError(
        f"Expected readable images in {source}, but got {len(sentences)} unreadable ones. First "
        f"error: {sentences[0]}"
    )


def _check_page_names(files: list[ImageFile]) -> None:
    """Check that no image has the same overlay file as a page of a stack."""
    images = {one.name: one for one in files if one.pages is None}
    for page in pages_of(*(one for one in files if one.pages is not None)):
        other = images.get(page.view_name)
        if other:
            raise ValueError(
                f"Expected overlays with different names, but got {other.name} for both page "
                f"{page.number + 1} of stack {page.file.path} and image {other.path}. Rename one "
                "of them, or predict them into two folders (--out)."
            )


def _fingerprint(cfg: Config) -> str:
    """Return a hash of the model settings, which ``--cfg-options`` or edits may have changed."""
    settings = cfg.get("model", {})
    text = json.dumps({k: v for k, v in settings.items() if k != "pretrained"}, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _name_file(checkpoint: str | Path) -> dict[str, Any]:
    """Return path and modification time of a checkpoint, as another run may overwrite it."""
    path = Path(checkpoint).resolve()
    written = path.stat().st_mtime_ns if path.is_file() else None
    return {"checkpoint": str(path), "checkpoint_written": written}


def _check_for_classes(outputs: Outputs, skip_existing: bool) -> None:
    """Refuse options that do not apply to a classifier."""
    requested = [name for name in Outputs._fields[1:] if getattr(outputs, name)]
    requested += ["skip_existing"] * skip_existing
    if requested:
        option = requested[0].replace("_", "-")
        raise ValueError(
            f"Expected a segmentation config with --{option}, but got a classifier, which writes "
            f"one table of classes and probabilities. Leave --{option} out."
        )


def _write_failed(out: Path, sentences: list[str]) -> None:
    """Write the list of failures, or remove that of an earlier prediction."""
    if sentences:
        write_text(out / FAILED, "".join(f"{text}\n" for text in sentences))
    else:
        (out / FAILED).unlink(missing_ok=True)


def _notes(
    images: list[ImageFile],
    reader: PageReader,
    shrink: float,
    earlier: tuple[float, float] | None,
) -> list[str]:
    notes = []
    if shrink > 1:
        notes.append(
            f"images were shrunk by a factor of {shrink:g} for the network, like its training "
            "images or as --shrink says; masks have the original size"
        )
    for chosen, count in Counter(one.chosen for one in images if one.chosen).items():
        notes.append(f"{count} stack{'s' * (count > 1)} read at {', '.join(chosen)}")
    oriented = [one for one in images if one.oriented]
    if oriented:
        notes.append(
            f"{len(oriented)} of {len(images)} images have an EXIF orientation "
            f"({oriented[0].path}), which is not applied, as in training: masks match the pixels "
            "as stored"
        )
    if earlier and any(one.info.deep for one in images):
        notes.append(
            f"images of more than 8 bits were scaled from {earlier[0]:g} to {earlier[1]:g}, the "
            "range that the earlier prediction measured"
        )
    if reader.measured and reader.value_range:
        low, high = reader.value_range
        notes.append(
            f"{reader.measured} of {len(images)} files have more than 8 bits and were scaled from "
            f"{low} to {high}, the range of all of them, as neither the config nor the data set "
            "gives a range; to use that of training, set --value-range, or use the config in the "
            "work folder of the run"
        )
    bands = [(one.info.bands, bool(one.info.alpha)) for one in images]
    notes += describe_bands(bands, reader.channels, "channels of LoadSample in the config")
    return notes
