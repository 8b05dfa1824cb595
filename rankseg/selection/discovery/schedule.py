# SPDX-License-Identifier: Apache-2.0
"""When images are discovered, and how many."""

from collections.abc import Sequence
from typing import NamedTuple


class Discovery(NamedTuple):
    """One of a run.

    Attributes:
        generation: From 0.
        step: Iteration of the generation, from 0.
        start: Training iterations that are done when it happens.
    """

    generation: int
    step: int
    start: int


class Schedule:
    """Generations of discoveries at equal distances.

    >>> schedule = Schedule(begin=100, length=10, sizes=(2, 4), generations=3)
    >>> schedule.at(130), schedule.at(131), schedule.latest(131)
    (Discovery(generation=1, step=1, start=130), None, Discovery(generation=1, step=1, start=130))

    Args:
        begin: Training iterations before the first one.
        length: Training iterations after each.
        sizes: Labelled and discovered images together after each discovery of a generation, as
            multiples of those that the generation begins with; ``(2, 4, 8, 16)`` doubles them four
            times.
        generations: Number of generations.

    Raises:
        ValueError: If a number is out of its range, or sizes do not rise.
    """

    def __init__(
        self, begin: int, length: int, sizes: Sequence[float] = (2, 4, 8, 16), generations: int = 3
    ) -> None:
        if begin < 0 or length < 1 or generations < 1:
            raise ValueError(
                f"begin={begin}, length={length} and generations={generations} of DiscoveryHook: "
                "expected training iterations, 0 or more and 1 or more, and 1 generation or more"
            )
        if not sizes or any(b <= a for a, b in zip((1, *sizes), sizes, strict=False)):
            raise ValueError(
                f"sizes={tuple(sizes)} of DiscoveryHook: expected rising multiples above 1 of the "
                "labelled images, such as (2, 4, 8, 16)"
            )
        self.begin, self.length = begin, length
        self.sizes, self.generations = tuple(sizes), generations

    def latest(self, done: int) -> Discovery | None:
        """The last discovery when so many training iterations are done, if there was one."""
        if done < self.begin:
            return None
        number = min((done - self.begin) // self.length, self.total - 1)
        generation, step = divmod(number, len(self.sizes))
        return Discovery(generation, step, self.begin + number * self.length)

    def at(self, done: int) -> Discovery | None:
        """The discovery that happens when so many training iterations are done, if any."""
        latest = self.latest(done)
        return latest if latest is not None and latest.start == done else None

    @property
    def total(self) -> int:
        """Discoveries of the whole run."""
        return self.generations * len(self.sizes)

    @property
    def last(self) -> int:
        """Training iterations that are done at the last discovery."""
        return self.begin + (self.total - 1) * self.length
