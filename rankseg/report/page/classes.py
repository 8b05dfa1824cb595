# SPDX-License-Identifier: Apache-2.0
"""Tables of the accuracy per class and of confusions between classes."""

from collections.abc import Sequence

import numpy as np

from rankseg.report.page.html import Html, join, run_name, table, tag, text
from rankseg.report.page.seen import Seen
from rankseg.visualization.groups import CLASS_PREFIXES

FEW, NAMED, MATRIX = 5, 24, 40  # most classes with large cells, with normal print, in a table
CONFUSIONS = 20  # most frequent confusions, listed if the table would be too large


def class_table(seen: Sequence[tuple[int, Seen]]) -> Html:
    """Build a table of IoU or accuracy with a row per class and a column per run.

    Args:
        seen: Runs with their index; all have the same classes.
    """
    columns = {i: of_classes(one) for i, one in seen}
    names = dict.fromkeys(name for column in columns.values() for name in column)
    if not names:
        return Html("")
    shown = [(i, one.run) for i, one in seen if columns[i]]
    head = ["class", *(run_name(i, run.name) for i, run in shown)]
    rows = [[name, *(_bar(i, columns[i].get(name)) for i, _ in shown)] for name in names]
    return table(head, rows)


def of_classes(seen: Seen) -> dict[str, float]:
    """Return IoU or accuracy by class in percent, from the last validation or the predictions."""
    last = (seen.run.summary or {}).get("last", {})
    prefix = next((p for p in CLASS_PREFIXES if any(n.startswith(p) for n in last)), "?")
    noted = {n.removeprefix(prefix): v for n, v in last.items() if n.startswith(prefix)}
    if noted or seen.confusion is None:
        return noted
    right, true = seen.confusion.diagonal(), seen.confusion.sum(1)
    whole = true if seen.image_level else true + seen.confusion.sum(0) - right
    pairs = zip(seen.classes, right.tolist(), whole.tolist(), strict=True)
    return {name: 100 * part / all_ for name, part, all_ in pairs if all_}


def _bar(run: int, percent: float | None) -> Html:
    if percent is None or percent != percent:
        return text("–")
    width = min(100.0, max(0.0, percent))
    inner = tag("i", style=f"width:{width:.1f}%"), tag("b", f"{percent:.1f}")
    return tag("div", *inner, class_=f"bar c{run % 8}")


def confusion(i: int, seen: Seen) -> Html:
    """Build the confusion matrix, in percent of the true class."""
    matrix = seen.confusion
    if matrix is None:
        return Html("")
    things = "images" if seen.image_level else "pixels"
    title = tag("h3", run_name(i, seen.run.name))
    if len(seen.classes) > MATRIX:
        return tag("div", title, _longest(matrix, seen.classes, things))
    total = matrix.sum(1, keepdims=True)
    share = np.divide(100 * matrix, total, out=np.full(matrix.shape, np.nan), where=total > 0)
    head = ["true \\ predicted", *(tag("span", name) for name in seen.classes)]
    few = len(seen.classes) <= FEW
    if few:
        head = ["true \\ predicted", *seen.classes]
    size = "few" if few else "many" if len(seen.classes) > NAMED // 2 else ""
    cells = (
        (name, [_cell(*place, share, matrix, seen.classes, few) for place in _places(k, share)])
        for k, name in enumerate(seen.classes)
    )
    rows = "".join(tag("tr", tag("th", name, scope="row"), *row_cells) for name, row_cells in cells)
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = tag("table", top, tag("tbody", Html(rows)), class_=f"confusion {size}")
    return tag("div", title, tag("div", body, class_="wide"))


def _places(row: int, share: np.ndarray) -> list[tuple[int, int]]:
    return [(row, column) for column in range(share.shape[1])]


def _cell(
    row: int, column: int, share: np.ndarray, matrix: np.ndarray, names: list[str], few: bool
) -> Html:
    value = share[row, column]
    if value != value:
        return tag("td", "–", style="--share:0", title=f"nothing is truly {names[row]}")
    shown = f"{value:.1f}" if few else f"{value:.0f}" if value >= 0.5 else ""
    said = f"{names[row]} taken for {names[column]}: {value:.2f}% ({matrix[row, column]:,})"
    colour = f"--share:{min(80.0, 0.8 * value):.0f}"
    return tag("td", shown, style=colour, title=said, class_="right" if row == column else None)


def _longest(matrix: np.ndarray, names: list[str], things: str) -> Html:
    """List the most frequent confusions."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = wrong.ravel().argsort()[::-1][:CONFUSIONS]
    rows = []
    for row, column in zip(*np.unravel_index(order, matrix.shape), strict=True):
        if wrong[row, column]:
            share = 100 * wrong[row, column] / matrix[row].sum()
            count = f"{wrong[row, column]:,}"
            rows.append([names[row], tag("span", names[column]), f"{share:.1f}", count])
    head = ["true", "taken for", "% of the true", things]
    said = f"{len(names)} classes are too many for a table; the most frequent confusions:"
    return join([tag("p", said, class_="soft"), table(head, rows)])
