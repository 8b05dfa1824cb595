# SPDX-License-Identifier: Apache-2.0
"""Wait policy of OpenMP: idle threads of torch soon sleep instead of keeping their cores busy.

Between two operations, OpenMP threads wait in a loop that keeps a core busy. On a machine that also
does other work, the threads that have something to do then wait for the ones that only wait. A
convolution of 0.2 ms can take 30 ms. If the threads sleep at once, an otherwise idle machine loses
up to half of its speed, because it takes time to wake them. They therefore stay in the loop for a
moment, which covers most gaps between two operations, and then sleep.

The OpenMP library reads its policy when torch is imported, so ``rankseg/__init__.py`` sets it
first. This module must not import torch.
"""

import os
import sys

POLICY = {
    "OMP_WAIT_POLICY": "PASSIVE",  # of every OpenMP library
    "GOMP_SPINCOUNT": "3000",  # rounds of the loop, some 30 us; of libgomp, for Linux
    "KMP_BLOCKTIME": "0",  # milliseconds, no fractions; of libomp and libiomp, on other systems
}
"""Variables and values. libgomp prefers its number of rounds to the general policy."""

TOO_LATE = (
    "torch was imported before rankseg, so its idle threads keep cores busy, which slows training "
    "down a lot if other programs run. Import rankseg before torch, or set OMP_WAIT_POLICY=PASSIVE "
    "and GOMP_SPINCOUNT=3000 before you start Python."
)


class _State:
    """Whether torch was imported before the policy could be set, and nobody was told so yet."""

    late = False


def set_wait_policy() -> None:
    """Set the policy in the environment, unless the user has set one of its variables.

    Processes that this one starts inherit it, even if it comes too late here.
    """
    if any(name in os.environ for name in POLICY):
        return
    os.environ.update(POLICY)
    _State.late = "torch" in sys.modules


def take_note() -> str | None:
    """Return how to get the policy if it was set too late; None otherwise and after one call."""
    late, _State.late = _State.late, False
    return TOO_LATE if late else None
