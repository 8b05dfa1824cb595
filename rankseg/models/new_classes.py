# SPDX-License-Identifier: Apache-2.0
"""Starting from weights that were trained for other classes."""

from torch import Tensor, nn

NETWORKS = ("student", "teacher")
INPUT = "decode_head.conv_seg."
CLASSIFIER = f"student.{INPUT}"


def make_anew(model: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Take the layers of another number of classes out of a state, so that they begin at random.

    These are the parameters whose rows are classes, here as many as the model has and there as many
    as the file's classifier has: classifiers of student, teacher and auxiliary heads. Where classes
    differ, what a method remembers beside its networks begins empty if its shape differs too. A
    classifier that reads another feature than that of the file begins at random as well. Everything
    else stays, and is refused by a strict loading where it does not fit.

    Args:
        model: The method, with the values that layers begin with.
        state: Of a method or a plain segmentor; changed in place.

    Returns:
        What was made anew: names with both shapes. Empty where the classes are the same number.
    """
    own = model.state_dict()
    target = {key: _place(key, own) for key in state}
    classes = {place: state[key].shape[:1] for key, place in target.items()}
    moved = _other_input(state, own, target)
    before = next((rows for place, rows in classes.items() if place.startswith(CLASSIFIER)), None)
    now = next((own[name].shape[:1] for name in own if name.startswith(CLASSIFIER)), None)
    other_classes = before is not None and before != now
    anew = []
    for key, name in target.items():
        mine, theirs = own.get(name), state[key]
        if mine is None or not (name.startswith(moved) or mine.shape != theirs.shape):
            continue
        by_class = (mine.shape[:1], theirs.shape[:1]) == (now, before)
        remembered = name.split(".")[0] not in NETWORKS and name in dict(model.named_buffers())
        fits = (by_class and mine.shape[1:] == theirs.shape[1:]) or remembered
        if name.startswith(moved) or (other_classes and fits):
            anew.append(f"{name} {tuple(theirs.shape)} -> {tuple(mine.shape)}")
            state[key] = mine
    return anew


def _other_input(
    state: dict[str, Tensor], own: dict[str, Tensor], target: dict[str, str]
) -> tuple[str, ...]:
    """Beginnings of the names of classifiers whose input has another length than in a state."""
    moved = []
    for key, name in target.items():
        network, found, _ = name.partition(INPUT)
        if found and name in own and own[name].shape[1:] != state[key].shape[1:]:
            moved.append(network + found)
    return tuple(moved)


def _place(key: str, own: dict[str, Tensor]) -> str:
    """Name in the method of a tensor of a method, of a plain segmentor or of a wrapped model."""
    key = key.removeprefix("module.")
    return key if key in own or key.startswith(NETWORKS) else f"student.{key}"
