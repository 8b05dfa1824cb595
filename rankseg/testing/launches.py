# SPDX-License-Identifier: Apache-2.0
"""Counts of operations that start work on a device."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

FREE = frozenset(
    {
        "_unsafe_view",
        "alias",
        "as_strided",
        "detach",
        "diagonal",
        "empty",
        "empty_like",
        "empty_strided",
        "expand",
        "lift_fresh",
        "new_empty",
        "permute",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "t",
        "transpose",
        "unbind",
        "unfold",
        "unsqueeze",
        "view",
    }
)
"""Operations that only make a view or reserve memory."""


class LaunchCounter(TorchDispatchMode):
    """Context manager that counts operations by name, except those that start no work.

    An operation counts once, although a GPU may run several kernels for it. Operations of a
    backward pass count if it runs inside the context.

    Attributes:
        launches: Number of calls of each operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        """Count an operation and run it."""
        name = func.overloadpacket.__name__
        if name not in FREE:
            self.launches[name] += 1
        return func(*args, **(kwargs or {}))


def count_launches(work: Callable[[], Any]) -> Counter[str]:
    """Return how often a function calls each operation that starts work on a device.

    >>> import torch
    >>> count_launches(lambda: torch.ones(2, 3).T.add(1))
    Counter({'ones': 1, 'add': 1})
    """
    with LaunchCounter() as counter:
        work()
    return counter.launches
