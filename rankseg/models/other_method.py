# SPDX-License-Identifier: Apache-2.0
"""Initialization from weights that another method has trained."""

from torch import Tensor, nn


def leave_out(model: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Remove from a state dict the parts that the method lacks or initializes itself.

    A part is the name up to the first dot: a second network, a teacher, a memory. The student is
    never removed, so strict loading still raises an error if it does not match. Parts in the
    method's ``OF_ONE_RUN`` refer to the images of the other run, so they are removed too.

    Args:
        model: The method to be loaded.
        state: State dict of a method, changed in place. That of a plain segmentor is not changed.

    Returns:
        Sorted names of the removed parts.
    """
    prefix = "module." if any(key.startswith("module.student.") for key in state) else ""
    if not any(key.startswith(f"{prefix}student.") for key in state):
        return []
    known = {name.split(".")[0] for name in model.state_dict()} - set(model.OF_ONE_RUN)
    part = {key: key.removeprefix(prefix).split(".")[0] for key in state}
    for key in [key for key, name in part.items() if name not in known]:
        del state[key]
    return sorted(set(part.values()) - known)
