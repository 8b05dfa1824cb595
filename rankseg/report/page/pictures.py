# SPDX-License-Identifier: Apache-2.0
"""Pictures of the best and worst images of a run, and of the same images in several runs."""

from collections.abc import Sequence

from rankseg.report.page.html import BR, Html, join, label_map, panel, photo, run_name, tag
from rankseg.report.page.seen import Picture, Seen, SideBySide


def legend(classes: Sequence[str], palette: Sequence[Sequence[int]]) -> Html:
    """Build a legend of the class colors."""
    items = (
        tag("span", tag("span", class_="swatch", style=f"background:rgb{tuple(colour)}"), name)
        for name, colour in zip(classes, palette, strict=False)
    )
    return tag("div", *items, class_="legend")


def best_and_worst(i: int, seen: Seen, opened: bool) -> Html:
    """Show images of one run, worst first, or its search results."""
    if not (seen.best or seen.worst or seen.panels):
        return Html("")
    if seen.panels:
        body = [panel(one, "queries and the images found for them") for one in seen.panels]
    elif seen.image_level:
        titles = "Surest mistakes", "Right, but least sure"
        body = [
            part
            for title, some in zip(titles, (seen.worst, seen.best), strict=True)
            if some
            for part in (tag("h3", title), _tiles(some, seen))
        ]
    else:
        body = [
            part
            for title, some in (("Worst", seen.worst), ("Best", seen.best))
            if some
            for part in (tag("h3", title), _trios(some, seen))
        ]
    summary = tag("summary", run_name(i, seen.run.name), f" · {seen.checkpoint}")
    return tag("details", summary, *body, open="" if opened else None)


def _trios(pictures: Sequence[Picture], seen: Seen) -> Html:
    """Show image, ground truth and prediction of each picture."""
    return tag("div", *(_trio(one, seen) for one in pictures), class_="pictures")


def _trio(one: Picture, seen: Seen) -> Html:
    name = tag("div", tag("b", f"IoU {one.score:.1f}"), f" · {one.name}", class_="file")
    columns = (
        (photo(one.image, f"image {one.name}"), "image"),
        (label_map(one.truth, seen.palette, "truth"), "truth"),
        (label_map(one.label, seen.palette, "prediction"), "prediction"),
    )
    figures = (tag("figure", picture, tag("figcaption", said)) for picture, said in columns)
    return tag("div", name, tag("div", *figures, class_="row"))


def _tiles(pictures: Sequence[Picture], seen: Seen) -> Html:
    """Show images of a classifier with their true and predicted classes."""
    tiles = []
    for one in pictures:
        truth, said = (seen.classes[int(label.flat[0])] for label in (one.truth, one.label))
        right = truth == said
        words = [tag("span", f"{said} {abs(one.score):.0f}%", class_=_word(right))]
        words += [] if right else [BR, f"is {truth}"]
        caption = tag("figcaption", *words, title=one.name)
        tiles.append(tag("figure", photo(one.image, f"{one.name}, {truth}"), caption))
    return tag("div", *tiles, class_="tiles")


def _word(right: bool) -> str:
    return "right-word" if right else "wrong-word"


def side_by_side(rows: Sequence[SideBySide], seen: Seen, index: dict[str, int]) -> Html:
    """Show the same images as predicted by several runs.

    Args:
        rows: Images.
        seen: Any of the runs; they share classes and colors.
        index: Index of each run by its name.
    """
    page = []
    for picture, labels in rows:
        first = [(photo(picture.image, f"image {picture.name}"), "image")]
        if seen.image_level:
            said = [(i, _said(seen, *labels[name])) for name, i in index.items() if name in labels]
            words = (tag("p", run_name(i, ""), words) for i, words in said)
            truth = tag("p", f"is {seen.classes[int(picture.truth.flat[0])]}")
            page.append(tag("figure", first[0][0], tag("figcaption", truth, *words)))
            continue
        first.append((label_map(picture.truth, seen.palette, "truth"), "truth"))
        for name, (label, score) in labels.items():
            caption = join([run_name(index[name], name), BR, f"IoU {score:.1f}"])
            first.append((label_map(label, seen.palette, f"prediction of {name}"), caption))
        figures = (tag("figure", one, tag("figcaption", said)) for one, said in first)
        page.append(tag("div", picture.name, class_="file"))
        page.append(tag("div", *figures, class_="row scroll"))
    return tag("div", *page, class_="tiles") if seen.image_level else join(page)


def _said(seen: Seen, label, score: float) -> Html:
    name = seen.classes[int(label.flat[0])]
    return tag("span", f"{name} {abs(score):.0f}%", class_=_word(score >= 0))
