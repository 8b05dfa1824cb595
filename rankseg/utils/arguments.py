# SPDX-License-Identifier: Apache-2.0
"""Checks of constructor arguments."""

from collections.abc import Collection
from typing import Any


def check_choice(owner: str, known: Collection, **options: Any) -> None:
    """Check that options are among the known values.

    >>> check_choice("Hook", ("train", "test"), features="val")
    Traceback (most recent call last):
    ValueError: Expected features of Hook to be one of 'train', 'test', but got 'val'.

    Args:
        owner: Class that has the options, for the message.
        known: Allowed values.
        **options: Values by the name of the option.
    """
    for name, value in options.items():
        if value not in known:
            names = ", ".join(map(repr, known))
            raise ValueError(f"Expected {name} of {owner} to be one of {names}, but got {value!r}.")


def check_minimum(owner: str, least: float, **options: float) -> None:
    """Check that numbers are not below a minimum.

    >>> check_minimum("Hook", 1, patience=0)
    Traceback (most recent call last):
    ValueError: Expected patience of Hook to be 1 or more, but got 0.

    Args:
        owner: Class that has the options, for the message.
        least: The smallest allowed value.
        **options: Values by the name of the option.
    """
    for name, value in options.items():
        if value < least:
            raise ValueError(f"Expected {name} of {owner} to be {least} or more, but got {value}.")
