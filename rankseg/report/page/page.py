# SPDX-License-Identifier: Apache-2.0
"""Assembly of the whole page."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from rankseg.report.page.classes import class_table, confusion
from rankseg.report.page.curves import curves
from rankseg.report.page.html import Html, embed_file, join, panel, run_name, table, tag
from rankseg.report.page.notes import notes
from rankseg.report.page.pictures import best_and_worst, legend, side_by_side
from rankseg.report.page.results import results
from rankseg.report.page.seen import Seen, SideBySide
from rankseg.report.page.style import STYLE
from rankseg.report.settings import differences

LONGEST = 160  # characters shown of a setting
MOST_OPEN = 25  # settings shown before the rest is collapsed


def render(
    seen: Sequence[Seen],
    side: Sequence[SideBySide] | np.ndarray | None = (),
    machine: str = "",
    problem: str | None = None,
    now: datetime | None = None,
) -> str:
    """Render the page as one HTML text that loads no other file.

    Args:
        seen: Runs, in the order of the page.
        side: Images as predicted by several runs, or a picture of their search results.
        machine: Versions and machine used to create the page.
        problem: Why the runs cannot be compared by class and image; None if they can.
        now: Date of the page.
    """
    runs = [one.run for one in seen]
    title = f"Report on {runs[0].name}" if len(runs) == 1 else f"Report on {len(runs)} runs"
    now = now or datetime.now().astimezone()
    sections = {
        "Results": results(runs),
        "Notes": notes(seen, problem),
        "Curves": curves(runs),
        "Classes": _classes(seen, problem),
        "Confusion": _confusions(seen),
        "Side by side": _side(seen, side),
        "Best and worst": _pictures(seen),
        "Over time": _over_time(seen),
        "Settings": _settings(seen),
    }
    sections = {name: body for name, body in sections.items() if body}
    links = (tag("a", name, href=f"#{_anchor(name)}") for name in sections)
    data = ", ".join(dict.fromkeys(_data(one) for one in seen))
    header = tag(
        "header",
        tag("h1", title),
        tag("p", f"{data} · {now:%d %B %Y, %H:%M}", class_="lead"),
        tag("nav", *links),
    )
    parts = (
        tag("section", tag("h2", name), body, id=_anchor(name)) for name, body in sections.items()
    )
    machines = dict.fromkeys(_machine(one) for one in seen if one.run.machine)
    trained = f"Trained with {'; '.join(machines)}. " if machines else ""
    footer = tag("footer", trained, f"Page made by rankseg {machine}." if machine else "")
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            tag("title", title),
            tag("style", Html(STYLE)),
        ]
    )
    body = join([header, tag("main", *parts), footer])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _data(seen: Seen) -> str:
    cfg = seen.run.config
    if seen.run.unread:
        return "unknown data"
    loader = cfg.get("val_dataloader") or {}
    return str(loader.get("dataset", {}).get("data_root", "no validation data"))


def _machine(seen: Seen) -> str:
    return ", ".join(f"{name} {value}" for name, value in seen.run.machine.items())


def _classes(seen: Sequence[Seen], problem: str | None) -> Html:
    pairs = list(enumerate(seen))
    groups = [[pair] for pair in pairs] if problem else [pairs]
    tables = [body for group in groups if (body := class_table(group))]
    said = (
        "IoU, or accuracy of a classifier, of each class in percent, at the last validation; of "
        "the images of this page where a run has not noted its classes."
    )
    return join([tag("p", said, class_="soft"), *tables]) if tables else Html("")


def _confusions(seen: Sequence[Seen]) -> Html:
    parts = [confusion(i, one) for i, one in enumerate(seen)]
    if not any(parts):
        return Html("")
    said = "Each row is a true class; the cells say what it was taken for, in percent of the row."
    looked = {one.images for one in seen if one.confusion is not None}
    for some, total in looked:
        few = f"{some} of {total}" if some < total else f"all {total}"
        said += f" Counted on {few} validation images." if len(looked) == 1 else ""
    return join([tag("p", said, class_="soft"), tag("div", *parts, class_="matrices")])


def _side(seen: Sequence[Seen], side: Sequence[SideBySide] | np.ndarray | None) -> Html:
    if isinstance(side, np.ndarray):
        return panel(side, "queries for which the runs differ most")
    if not side:
        return Html("")
    first = next(one for one in seen if one.run.name in side[0].labels)
    index = {one.run.name: i for i, one in enumerate(seen)}
    said = f"Validation images on which the runs differ most. {_measure(first)}"
    key = Html("") if first.image_level else legend(first.classes, first.palette)
    return join([tag("p", said, class_="soft"), key, side_by_side(side, first, index)])


def _pictures(seen: Sequence[Seen]) -> Html:
    parts = [best_and_worst(i, one, i == 0) for i, one in enumerate(seen)]
    if not any(parts):
        return Html("")
    keys, said = {}, {}
    for one in seen:
        if one.worst and not one.image_level:
            keys[tuple(one.classes)] = legend(one.classes, one.palette)
            said[_measure(one)] = tag("p", _measure(one), class_="soft")
    return join([*said.values(), *keys.values(), *parts])


def _measure(seen: Seen) -> str:
    """Return a description of the score of an image."""
    if seen.image_level:
        return ""
    names = ", ".join(seen.classes[1:]) if seen.run.metric == "fgIoU" else ""
    return f"IoU is that of {names}." if names else "IoU is the mean over the classes of an image."


def _over_time(seen: Sequence[Seen]) -> Html:
    parts = []
    for i, one in enumerate(seen):
        file = one.run.folder / "panels.png"
        if file.is_file():
            picture = embed_file(file.read_bytes(), "validation images over the iterations")
            summary = tag("summary", run_name(i, one.run.name))
            parts.append(tag("details", summary, picture, open="" if not parts else None))
    said = "Some validation images, with what was predicted at each iteration."
    return join([tag("p", said, class_="soft"), *parts]) if parts else Html("")


def _settings(seen: Sequence[Seen]) -> Html:
    pairs = [(i, one) for i, one in enumerate(seen) if not one.run.unread]
    if len(pairs) < 2:
        return Html("")
    found = differences([one.run.config.to_dict() for _, one in pairs])
    if not found:
        return tag("p", "All settings are the same, apart from seeds and folders.")
    head = ["setting", *(run_name(i, one.run.name) for i, one in pairs)]
    rows = [[tag("code", key), *map(_value, values)] for key, values in found.items()]
    rows = sorted(rows, key=lambda row: not row[0].startswith("<code>model"))
    body = [table(head, rows[:MOST_OPEN], "words")]
    if len(rows) > MOST_OPEN:
        more = tag("summary", f"{len(rows) - MOST_OPEN} more")
        body.append(tag("details", more, table(head, rows[MOST_OPEN:], "words")))
    said = "Settings that are not the same in all runs; “–” where a run does not have one."
    return join([tag("p", said, class_="soft"), *body])


def _value(value: object) -> Html:
    shown = "–" if value is None else str(value)
    shown = shown if len(shown) <= LONGEST else shown[:LONGEST] + " …"
    return tag("code", shown)
