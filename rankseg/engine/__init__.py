# SPDX-License-Identifier: Apache-2.0
"""Hooks, loops, learning rates and optimizer wrappers for mmengine's runner."""

from rankseg.engine import hooks, loops, optim_wrapper, schedulers

__all__ = ["hooks", "loops", "optim_wrapper", "schedulers"]
