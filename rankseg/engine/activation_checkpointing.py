# SPDX-License-Identifier: Apache-2.0
"""Less memory for more time: activations of chosen modules are made anew in the backward pass."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache

from torch import nn
from torch.utils.checkpoint import checkpoint

from rankseg.models.layers import frozen_statistics


def find_modules(model: nn.Module, names: str | Sequence[str]) -> list[nn.Module]:
    """Submodules by dotted name.

    Raises:
        ValueError: If there is no such submodule.
    """
    found = []
    for name in [names] if isinstance(names, str) else names:
        try:
            found.append(model.get_submodule(name))
        except AttributeError as error:
            known = [child for child, _ in model.named_children()]
            raise ValueError(
                f"activation_checkpointing: the model has no submodule {name!r}; names start with "
                f"{' or '.join(known)}, for example 'student.backbone.layer3'"
            ) from error
    return found


def turn_on_activation_checkpointing(model: nn.Module, names: str | Sequence[str]) -> None:
    """Have some submodules forget their activations; values and statistics stay the same.

    Unlike mmengine's function of this name, batch norm's running statistics move once a step, and
    a module whose input needs no gradient, such as the first of a network, gets its own.

    Args:
        model: Its submodules are changed in place.
        names: Dotted names, for example ``"student.backbone.layer3"``.

    Raises:
        ValueError: If there is no such submodule.
    """
    for module in find_modules(model, names):
        if not isinstance(module, Forgetful):
            module.__class__ = _forgetful(type(module))


class Forgetful(nn.Module):
    """Mixed into the class of a module, so that a copy of the module forgets its own activations.

    A function in place of ``forward`` would be shared by all copies and use the first one's
    weights.
    """

    def forward(self, *args, **kwargs):
        """As the module's own, which runs once more in the backward pass.

        That second pass does not count the batch again.
        """
        return checkpoint(
            super().forward,
            *args,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), frozen_statistics(self)),
            **kwargs,
        )

    def __reduce_ex__(self, protocol: int) -> tuple:
        """Named by the module's own class: there is no name for the mixed one."""
        make, arguments, *state = super().__reduce_ex__(protocol)
        return _new, (type(self).__bases__[1],), *state


@cache
def _forgetful(kind: type[nn.Module]) -> type[nn.Module]:
    """A class of modules, with :class:`Forgetful` mixed in; shown under its own name."""
    return type(kind.__name__, (Forgetful, kind), {"__module__": kind.__module__})


def _new(kind: type[nn.Module]) -> nn.Module:
    """An empty module of a class with :class:`Forgetful` mixed in, to be filled by a copy."""
    mixed = _forgetful(kind)
    return mixed.__new__(mixed)
