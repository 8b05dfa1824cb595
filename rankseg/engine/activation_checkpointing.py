# SPDX-License-Identifier: Apache-2.0
"""Activation checkpointing: recomputes activations in the backward pass to save memory."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache

from torch import nn
from torch.utils.checkpoint import checkpoint

from rankseg.models.layers import frozen_statistics


def find_modules(model: nn.Module, names: str | Sequence[str]) -> list[nn.Module]:
    """Return submodules by dotted name."""
    found = []
    for name in [names] if isinstance(names, str) else names:
        try:
            found.append(model.get_submodule(name))
        except AttributeError as error:
            known = [child for child, _ in model.named_children()]
            raise ValueError(
                f"Expected activation_checkpointing to name submodules of the model, but got "
                f"{name!r}. Names start with {' or '.join(known)}, for example "
                "'student.backbone.layer3'."
            ) from error
    return found


def turn_on_activation_checkpointing(model: nn.Module, names: str | Sequence[str]) -> None:
    """Turn on activation checkpointing in some submodules, in place, without changing results.

    Unlike MMEngine's function of this name, batch norm updates its running statistics only once
    per step, and a module whose input needs no gradient, such as a network's first, still gets
    its parameter gradients.
    """
    for module in find_modules(model, names):
        if not isinstance(module, CheckpointedModule):
            module.__class__ = _checkpointed(type(module))


class CheckpointedModule(nn.Module):
    """Mixin that recomputes the activations of a module in the backward pass.

    It is mixed into the module's class so that copies work. Copies would share a replaced
    ``forward`` function, which would use the weights of the original.
    """

    def forward(self, *args, **kwargs):
        """Run the module's ``forward``, which runs again in the backward pass.

        The second run does not update batch norm statistics.
        """
        return checkpoint(
            super().forward,
            *args,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), frozen_statistics(self)),
            **kwargs,
        )

    def __reduce_ex__(self, protocol: int) -> tuple:
        """Pickle by the module's original class, because the mixed class has no importable name."""
        make, arguments, *state = super().__reduce_ex__(protocol)
        return _new, (type(self).__bases__[1],), *state


@cache
def _checkpointed(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a module class with :class:`CheckpointedModule` mixed in, under its original name."""
    return type(kind.__name__, (CheckpointedModule, kind), {"__module__": kind.__module__})


def _new(kind: type[nn.Module]) -> nn.Module:
    """Create an uninitialized module with :class:`CheckpointedModule` mixed in, to be filled by a
    copy."""
    mixed = _checkpointed(kind)
    return mixed.__new__(mixed)
