# SPDX-License-Identifier: Apache-2.0
"""Context manager that logs exceptions of optional work and suppresses them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class SuppressAndLog:
    """Context manager that suppresses exceptions while drawing a file and logs the first one.

    >>> suppress = SuppressAndLog("a.png")
    >>> with suppress(logging.getLogger("quiet")):
    ...     raise ValueError("no room")
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._logged = False

    @contextmanager
    def __call__(self, logger: logging.Logger) -> Iterator[None]:
        """Suppress every ``Exception`` raised inside the context."""
        try:
            yield
        except Exception as error:
            if not self._logged:
                what = f"{type(error).__name__}: {error}".splitlines()[0]
                logger.warning(f"{self.file} could not be drawn ({what}). Training continues.")
            self._logged = True
