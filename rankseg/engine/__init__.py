# SPDX-License-Identifier: Apache-2.0
"""Hooks, loops, learning rate schedulers and optimizer wrappers for MMEngine's runner."""

from rankseg.engine import hooks, layer_decay, loops, optim_wrapper, schedulers

__all__ = ["hooks", "layer_decay", "loops", "optim_wrapper", "schedulers"]
