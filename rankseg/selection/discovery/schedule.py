# SPDX-License-Identifier: Apache-2.0
"""Schedule of discoveries: their times and sizes."""

from collections.abc import Sequence
from typing import NamedTuple


class Discovery(NamedTuple):
    """Discovery of a run.

    Attributes:
        generation: Index of the generation, from 0.
        step: Index of the discovery in its generation, from 0.
        start: Number of completed training iterations when it happens.
    """

    generation: int
    step: int
    start: int


class Schedule:
    """Generations of discoveries at regular intervals.

    >>> schedule = Schedule(begin=100, length=10, sizes=(2, 4), generations=3)
    >>> schedule.at(130), schedule.at(131), schedule.latest(131)
    (Discovery(generation=1, step=1, start=130), None, Discovery(generation=1, step=1, start=130))

    Args:
        begin: Training iterations before the first discovery.
        length: Training iterations after each discovery.
        sizes: Total of labeled and discovered images after each discovery of a generation, as
            multiples of the number at the start of the generation; ``(2, 4, 8, 16)`` doubles it
            four times.
        generations: Number of generations.

    Raises:
        ValueError: If a number is out of its range, or sizes do not increase.
    """

    def __init__(
        self, begin: int, length: int, sizes: Sequence[float] = (2, 4, 8, 16), generations: int = 3
    ) -> None:
        if begin < 0 or length < 1 or generations < 1:
            raise ValueError(
                "Expected begin of DiscoveryHook to be 0 or more, and length and generations to be "
                f"1 or more, but got begin={begin}, length={length} and generations={generations}."
            )
        if not sizes or any(b <= a for a, b in zip((1, *sizes), sizes, strict=False)):
            raise ValueError(
                "Expected sizes of DiscoveryHook to be rising multiples of the labeled images, "
                f"above 1, such as (2, 4, 8, 16), but got {tuple(sizes)}."
            )
        self.begin, self.length = begin, length
        self.sizes, self.generations = tuple(sizes), generations

    def latest(self, done: int) -> Discovery | None:
        """Return the last discovery up to iteration ``done``, or None."""
        if done < self.begin:
            return None
        number = min((done - self.begin) // self.length, self.total - 1)
        generation, step = divmod(number, len(self.sizes))
        return Discovery(generation, step, self.begin + number * self.length)

    def at(self, done: int) -> Discovery | None:
        """Return the discovery that happens at iteration ``done``, or None."""
        latest = self.latest(done)
        return latest if latest is not None and latest.start == done else None

    @property
    def total(self) -> int:
        """Number of discoveries of the whole run."""
        return self.generations * len(self.sizes)

    @property
    def last(self) -> int:
        """Number of completed training iterations at the last discovery."""
        return self.begin + (self.total - 1) * self.length
