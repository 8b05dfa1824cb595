# SPDX-License-Identifier: Apache-2.0
"""Starting from weights that another method has trained."""

from torch import Tensor, nn


def leave_out(model: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Take out of a state the parts of a method that another one does not have or begins anew.

    A part is what stands before the first dot of a name: a second network, a teacher, a memory. The
    student stays whole, so that a strict loading still refuses what does not fit. What a method
    names in ``OF_ONE_RUN`` is about the images of the other run.

    Args:
        model: The method that is to be loaded.
        state: Of a method, changed in place; that of a plain segmentor stays as it is.

    Returns:
        Names of the parts that were taken out, sorted.
    """
    prefix = "module." if any(key.startswith("module.student.") for key in state) else ""
    if not any(key.startswith(f"{prefix}student.") for key in state):
        return []
    known = {name.split(".")[0] for name in model.state_dict()} - set(model.OF_ONE_RUN)
    part = {key: key.removeprefix(prefix).split(".")[0] for key in state}
    for key in [key for key, name in part.items() if name not in known]:
        del state[key]
    return sorted(set(part.values()) - known)
