# SPDX-License-Identifier: Apache-2.0
"""Notes on the runs that readers need before they trust the numbers."""

from collections.abc import Sequence

from rankseg.evaluation.notes import names
from rankseg.report.page.html import Html, join, run_name, tag
from rankseg.report.page.seen import Seen
from rankseg.report.run_folder import Run

MOST = 8  # warnings of one run that are not collapsed


def notes(seen: Sequence[Seen], problem: str | None = None) -> Html:
    """Build the list of all notes; empty if there is none."""
    parts = [tag("p", problem, class_="note")] if problem else []
    for i, one in enumerate(seen):
        name = run_name(i, one.run.name)
        unread = one.run.unread and f"{one.run.unread}; the run is shown without its settings."
        said = [text for text in (unread, one.problem) if text]
        said += [sentence for sentence in (never_predicted(one), unseen(one)) if sentence]
        said += warnings(one.run)
        parts += [tag("p", name, " ", sentence, class_="note") for sentence in said[:MOST]]
        if rest := said[MOST:]:
            more = (tag("p", sentence, class_="note") for sentence in rest)
            parts.append(tag("details", tag("summary", f"{len(rest)} more of ", name), *more))
    return join(parts)


def warnings(run: Run) -> list[str]:
    """Return the distinct warnings of the log."""
    return [
        f"{text} ({count} times)" if count > 1 else text for text, count in run.warnings.items()
    ]


def never_predicted(seen: Seen) -> str | None:
    """Return a sentence on classes that are present but never predicted, or None."""
    if seen.confusion is None:
        return _without_a_point(seen.run)
    missed = (seen.confusion.sum(1) > 0) & (seen.confusion.sum(0) == 0)
    if not missed.any():
        return None
    return f"never predicts {names(missed, seen.classes)}."


def _without_a_point(run: Run) -> str | None:
    last = (run.summary or {}).get("last", {})
    none = [name[4:] for name, value in last.items() if name.startswith("IoU/") and value == 0]
    return f"has an IoU of 0 for {', '.join(none)}." if none else None


def unseen(seen: Seen) -> str | None:
    """Return a sentence on classes missing from the validation set, or None."""
    if seen.confusion is None:
        return None
    missing = seen.confusion.sum(1) == 0
    if not missing.any() or seen.images[0] < seen.images[1]:
        return None
    return f"was validated on images without {names(missing, seen.classes)}."
