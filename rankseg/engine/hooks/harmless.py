# SPDX-License-Identifier: Apache-2.0
"""What a run can do without."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Harmless:
    """Contexts in which a failure costs a picture and not the run; the first one is logged.

    Example:
        >>> harmless = Harmless("a.png")
        >>> with harmless(logging.getLogger("quiet")):
        ...     raise ValueError("no room")

    Args:
        file: Name of the file that will be missing or old.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._told = False

    @contextmanager
    def __call__(self, logger: logging.Logger) -> Iterator[None]:
        """Hold back whatever is raised inside, except what ends the process."""
        try:
            yield
        except Exception as error:
            if not self._told:
                what = f"{type(error).__name__}: {error}".splitlines()[0]
                logger.warning(f"{self.file} could not be drawn, training goes on ({what})")
            self._told = True
