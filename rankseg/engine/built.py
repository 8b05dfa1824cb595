# SPDX-License-Identifier: Apache-2.0
"""Methods built before the run starts, with the random numbers of the run."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from torch import nn

from rankseg.models.segmentors.dry_run import RandomState, first_line, keep_random_state
from rankseg.registry import MODELS

_WAITING: ContextVar["Built | None"] = ContextVar("built", default=None)


class Built:
    """Method together with the random number state after it was built.

    The state is None if the run has no seed yet; the runner then draws one and builds the method.
    """

    def __init__(self, method: nn.Module, after: RandomState | None) -> None:
        self.method = method
        self._after = after

    @contextmanager
    def for_runner(self) -> Iterator[None]:
        """Make a runner created in this context use this method instead of building one.

        MMEngine builds a runner from a config only, so the method cannot be an argument.
        """
        token = _WAITING.set(self)
        try:
            yield
        finally:
            _WAITING.reset(token)


def take_built() -> nn.Module | None:
    """Return the prebuilt method, if any, and restore the random number state after its build."""
    built = _WAITING.get()
    if built is None or built._after is None:
        return None
    built._after.restore()
    return built.method


def build_method(cfg: Config) -> Built:
    """Build the method of a config with the random numbers that a runner would use.

    The random number generators of the process are unchanged.
    """
    randomness = cfg.get("randomness") or {}
    seed = randomness.get("seed")
    with keep_random_state():
        if seed is not None:
            seed += get_rank() if randomness.get("diff_rank_seed") else 0
            random.seed(seed)
            np.random.seed(seed)
            torch.default_generator.manual_seed(seed)
        try:
            method = MODELS.build(cfg.model)
        except (ValueError, OSError):
            raise
        except Exception as error:  # any type: mmseg uses assertions for invalid options
            text = (
                error.args[0] if isinstance(error, KeyError) and error.args else first_line(error)
            )
            raise ValueError(f"model of {cfg.get('config_file')}: {text}") from error
        return Built(method, None if seed is None else RandomState())
