# SPDX-License-Identifier: Apache-2.0
"""Predict an image, a folder of images or a stack, and write what a person wants to see."""

import hashlib
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from rankseg.datasets.transforms.loading import check_range
from rankseg.imageio.bands import describe_bands
from rankseg.imageio.tiff_axes import ONLY, Planes
from rankseg.inference.inferencer import Inferencer
from rankseg.inference.load import channel_of, shrink_of, value_range_of
from rankseg.inference.pictures import PageReader, Picture, list_images, look_at_pictures
from rankseg.inference.predict_classes import predict_classes
from rankseg.inference.predict_masks import MaskPrediction
from rankseg.inference.prediction_files import Outputs, PredictionFiles, page_name
from rankseg.inference.prediction_folder import FOUND_RANGE, check_out, clear, found_range, note
from rankseg.training.validation import is_image_level
from rankseg.utils.atomic_file import write_text

FAILED = "failed.txt"


class Report(NamedTuple):
    """What became of the images.

    Attributes:
        done: Images and stacks that were predicted.
        skipped: Those whose masks were there already.
        failed: One sentence for each of the others.
        notes: What is odd without being wrong.
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
) -> Report:
    """Predict images and write masks and pictures, or of a classifier a table.

    An image that cannot be read or is too large is reported, and the others are done; if there are
    no others, nothing is written.

    Args:
        cfg: From :func:`rankseg.apis.load_config`.
        checkpoint: File of a method or of a plain segmentor.
        source: An image, a TIFF stack, or a folder that is searched with all folders below.
        out: Folder to write to: ``masks``, ``overlays``, ..., ``summary.csv`` with the shares of
            classes, and ``overview.png``; of a classifier ``predictions.csv`` and
            ``overview.png``.
        outputs: What to write besides masks; by default overlays.
        overwrite: Replace what an earlier prediction has left in ``out``.
        skip_existing: Leave the masks that an earlier prediction by the same network has left.
        value_range: Values of images of more than 8 bits that become 0 and 255; by default what the
            config says or, if it trains on a stack that was converted, those of that stack. Without
            any of these one range is found for all images and stacks of ``source``.
        topk: Classes that the table of a classifier names for an image.
        shrink: How many times smaller images become for the network; by default what the
            conversion of the data set's stack says, for what does not lie in its folder.
        planes: Which channel, frame and series of TIFF stacks to read. By default the channel that
            the conversion of the data set's stack has read; without it, a stack of several channels
            is refused.
        **options: Of :class:`~rankseg.inference.inferencer.Inferencer`.

    Raises:
        ValueError, FileNotFoundError: If an argument is not right; nothing has been written then.
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
    check_out(out, source, made_by, overwrite, skip_existing)
    if is_image_level(cfg):
        _check_for_classes(outputs, skip_existing)
    inferencer = Inferencer(cfg, checkpoint, shrink=shrink, value_range=value_range, **options)
    if planes.usual_channel is None and len(inferencer.channels or ()) == 1:
        planes = planes._replace(usual_channel=inferencer.channels[0])
    writer = PredictionFiles(Path(out), inferencer.palette, outputs)
    with warnings.catch_warnings():  # what Pillow warns of is among the bad files
        warnings.filterwarnings("ignore", module="PIL")
        pictures, bad = look_at_pictures(files, planes, inferencer.channels)
    if not pictures:
        _refuse_all(source, list(bad.values()))
    if outputs.overlays or outputs.uncertainty:
        _check_page_names(pictures)
    earlier = found_range(out) if skip_existing else None
    reader = PageReader(value_range or earlier, planes, inferencer.channels)
    reader.find_range(pictures)
    if overwrite:
        clear(out)
    note(out, made_by | {FOUND_RANGE: None if value_range else reader.value_range})
    skipped = []
    if inferencer.image_level:
        failed = predict_classes(inferencer, pictures, Path(out), reader, topk)
    else:
        if skip_existing:
            skipped = [one for one in pictures if writer.are_there(one)]
        work = MaskPrediction(inferencer, writer, reader)
        failed = work.run(pictures, skipped)
        skipped = [one for one in skipped if one.path not in failed]
    sentences = [text for file, _ in files for text in [{**bad, **failed}.get(file)] if text]
    done = len(files) - len(sentences) - len(skipped)
    _write_failed(Path(out), sentences)
    return Report(done, len(skipped), sentences, _notes(pictures, reader, shrink, earlier))


def _refuse_all(source: str | Path, sentences: list[str]) -> None:
    """Nothing can be read, so no folder is begun.

    Raises:
        ValueError: With what is wrong with the file, or with the first of them.
    """
    if len(sentences) == 1:
        raise ValueError(sentences[0])
    raise ValueError(
        f"none of the {len(sentences)} images of {source} can be read; the first: {sentences[0]}"
    )


def _check_page_names(pictures: list[Picture]) -> None:
    """Refuse an image whose overlay would lie where that of a page of a stack does.

    Raises:
        ValueError: Naming both.
    """
    images = {one.name: one for one in pictures if one.pages is None}
    for stack in (one for one in pictures if one.pages is not None):
        for page in range(stack.pages):
            other = images.get(page_name(stack, page))
            if other:
                raise ValueError(
                    f"page {page + 1} of the stack {stack.path} and the image {other.path} would "
                    f"both have the overlay {other.name}: rename one of them, or predict them into "
                    "two folders (--out)"
                )


def _fingerprint(cfg: Config) -> str:
    """Tells networks apart whose settings differ, by ``--cfg-options`` or an edited config."""
    settings = cfg.get("model", {})
    text = json.dumps({k: v for k, v in settings.items() if k != "pretrained"}, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _name_file(checkpoint: str | Path) -> dict[str, Any]:
    """Which checkpoint it is: another run may have written another one in its place."""
    path = Path(checkpoint).resolve()
    written = path.stat().st_mtime_ns if path.is_file() else None
    return {"checkpoint": str(path), "checkpoint_written": written}


def _check_for_classes(outputs: Outputs, skip_existing: bool) -> None:
    """Refuse options that a classifier has no use for."""
    asked = [name for name in Outputs._fields[1:] if getattr(outputs, name)]
    asked += ["skip_existing"] * skip_existing
    if asked:
        option = asked[0].replace("_", "-")
        raise ValueError(
            f"--{option} is for masks, and this config is of a classifier, which writes one table "
            "of classes and probabilities: leave it out"
        )


def _write_failed(out: Path, sentences: list[str]) -> None:
    """List what failed; a list of an earlier prediction goes."""
    if sentences:
        write_text(out / FAILED, "".join(f"{text}\n" for text in sentences))
    else:
        (out / FAILED).unlink(missing_ok=True)


def _notes(
    pictures: list[Picture],
    reader: PageReader,
    shrink: float,
    earlier: tuple[float, float] | None,
) -> list[str]:
    notes = []
    if shrink > 1:
        notes.append(
            f"images were shrunk {shrink:g} times for the network, and masks enlarged to their "
            "size: pages that it was trained on were shrunk as much, or --shrink says so"
        )
    for chosen, count in Counter(one.chosen for one in pictures if one.chosen).items():
        notes.append(f"{count} stack{'s' * (count > 1)} read at {', '.join(chosen)}")
    turned = [one for one in pictures if one.turned]
    if turned:
        notes.append(
            f"{len(turned)} of {len(pictures)} images carry an EXIF orientation ({turned[0].path}),"
            " which is not followed, as in training: their masks lie on the pixels as they are "
            "stored"
        )
    if earlier and any(one.info.deep for one in pictures):
        notes.append(
            f"images of more than 8 bits were scaled from {earlier[0]:g} to {earlier[1]:g}, the "
            "range that the earlier prediction found in its images"
        )
    if reader.measured and reader.value_range:
        low, high = reader.value_range
        notes.append(
            f"neither config nor data set says which values are black and white: {reader.measured} "
            f"of {len(pictures)} files hold more than 8 bits and were scaled from {low} to {high}, "
            "the range of all of them; name that of training by --value-range, or give the config "
            "that lies in the work folder of the run"
        )
    looks = [(one.info.bands, bool(one.info.alpha)) for one in pictures]
    notes += describe_bands(looks, reader.channels, "channels of LoadSample in the config")
    return notes
