# SPDX-License-Identifier: Apache-2.0
"""HTML page about runs that a browser shows without network access."""

import base64
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rankseg.report.charts import COLORS, chart_groups
from rankseg.report.comparability import comparison_notes
from rankseg.report.gain import gain_sentences
from rankseg.report.page_tables import (
    class_tables,
    confusion_table,
    means_over_seeds,
    notes,
    result_table,
    setting_rows,
    unfinished,
    validation_images,
)
from rankseg.report.run_result import ImageComparison, RunResult
from rankseg.utils.safe_text import printable
from rankseg.visualization.overlay import color_map
from rankseg.visualization.panel import encode, fit, fit_label

THUMBNAIL = 256  # longest side of an embedded picture, in pixels
MAX_NOTES = 8  # notes on one run that are not collapsed
MAX_SETTINGS = 25  # settings shown before the rest is collapsed


class Embedded(NamedTuple):
    """Picture inside the page.

    Attributes:
        source: Data URI.
        small: Whether the page enlarges it without smoothing.
    """

    source: Markup
    small: bool = False


def photo(image: np.ndarray) -> Embedded:
    """Embed a uint8 RGB image, at most as large as a thumbnail."""
    if max(image.shape[:2]) < THUMBNAIL // 2:
        return _embed(encode(image), "png", small=True)
    return panel(fit(image, _thumbnail_size(image)))


def label_map(label: np.ndarray, palette: Sequence[Sequence[int]]) -> Embedded:
    """Embed a label map in the colors of its classes."""
    small = max(label.shape) < THUMBNAIL // 2
    label = label if small else fit_label(label, _thumbnail_size(label))
    return _embed(encode(color_map(label, palette)), "png", small)


def panel(picture: np.ndarray) -> Embedded:
    """Embed a uint8 RGB picture composed of several pictures, at full size."""
    return _embed(encode(picture, ".jpg"), "jpeg")


def _thumbnail_size(picture: np.ndarray) -> tuple[int, int]:
    """Return the size of a thumbnail; pictures are never enlarged."""
    return tuple(min(THUMBNAIL, side) for side in picture.shape[:2])


def _embed(content: bytes, kind: str, small: bool = False) -> Embedded:
    data = base64.b64encode(content).decode()
    return Embedded(Markup(f"data:image/{kind};base64,{data}"), small)


def render(
    results: Sequence[RunResult],
    side: Sequence[ImageComparison] | np.ndarray | None = (),
    machine: str = "",
    problem: str | None = None,
    now: datetime | None = None,
) -> str:
    """Render the page as one HTML text that loads no other file.

    Args:
        results: Runs, in the order of the page.
        side: Images as predicted by several runs, or a picture of their search results.
        machine: Versions and machine used to create the page.
        problem: Why the runs cannot be compared by class and image; None if they can.
        now: Date of the page.
    """
    runs = [one.run for one in results]
    machines = [", ".join(f"{k} {v}" for k, v in run.machine.items()) for run in runs]
    searched = isinstance(side, np.ndarray)
    drawn = [one for one in results if one.worst and not one.image_level]
    predicted = [one for one in results if one.confusion is not None]
    return _environment().get_template("page.html.jinja").render(
        title=f"Report on {runs[0].name if len(runs) == 1 else f'{len(runs)} runs'}",
        data=", ".join(dict.fromkeys(map(_data, results))),
        date=f"{now or datetime.now().astimezone():%d %B %Y, %H:%M}",
        machine=machine,
        trained="; ".join(dict.fromkeys(filter(None, machines))),
        problem=problem,
        gains=[] if problem else gain_sentences(runs),
        results=results,
        color={run.name: i % len(COLORS) for i, run in enumerate(runs)},
        table=result_table(runs, mark=problem is None),
        together=comparison_notes(runs, validation_images(results)),
        means=means_over_seeds(runs),
        unfinished={run.name: text for run in runs if (text := unfinished(run))},
        notes={one.run.name: found for one in results if (found := notes(one))},
        charts=chart_groups(runs),
        classes=class_tables(results, separate=problem is not None),
        confusions=[confusion_table(one) for one in predicted],
        counted={one.images for one in predicted},
        searches=side if searched else None,
        compared=[] if searched or side is None else side,
        measure=_measure,
        measures=list(dict.fromkeys(map(_measure, drawn))),
        legends=list({tuple(one.classes): one for one in drawn}.values()),
        panels=_panels(results),
        settings=setting_rows(results),
    )  # fmt: skip


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rankseg.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals |= dict(photo=photo, label_map=label_map, panel=panel)
    environment.globals |= dict(max_notes=MAX_NOTES, max_settings=MAX_SETTINGS)
    return environment


def _shown(value: Any) -> Any:
    """Return a value of the template as text without control characters; keep markup."""
    return value if hasattr(value, "__html__") else printable(str(value), keep="\n\t")


def _data(result: RunResult) -> str:
    if result.run.unread:
        return "unknown data"
    loader = result.run.config.get("val_dataloader") or {}
    return str(loader.get("dataset", {}).get("data_root", "no validation data"))


def _measure(result: RunResult) -> str:
    """Return a description of the score of an image."""
    names = ", ".join(result.classes[1:]) if result.run.metric == "fgIoU" else ""
    return f"IoU is that of {names}." if names else "IoU is the mean over the classes of an image."


def _panels(results: Sequence[RunResult]) -> dict[str, Embedded]:
    """Return the pictures of validation images over time by run."""
    files = {one.run.name: one.run.folder / "panels.png" for one in results}
    return {
        name: _embed(file.read_bytes(), "png") for name, file in files.items() if file.is_file()
    }
