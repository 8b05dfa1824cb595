# SPDX-License-Identifier: Apache-2.0
"""Initialization from weights that were trained for other classes or by another method."""

from pathlib import Path

from torch import Tensor, nn

from rankseg.models.weights.finite import check_numbers
from rankseg.models.weights.pretrained import describe_mismatch, read_state

NETWORKS = ("student", "teacher")
INPUT = "decode_head.conv_seg."
CLASSIFIER = f"student.{INPUT}"


def reinit_classifier(model: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Reinitialize the layers of a state dict, in place, that have a different number of classes.

    These are the parameters whose first dimension is the number of classes, in both the model and
    the file: classifiers of student, teacher and auxiliary heads. If the classes differ, other
    buffers of the method (its memory) also start empty if their shape differs. A classifier with a
    different number of input features is reinitialized, too. Everything else is kept, and strict
    loading raises an error if it does not match. Return names and both shapes of the new tensors.
    """
    own = model.state_dict()
    target = {key: _place(key, own) for key in state}
    classes = {place: state[key].shape[:1] for key, place in target.items()}
    resized = _other_input(state, own, target)
    before = next((rows for place, rows in classes.items() if place.startswith(CLASSIFIER)), None)
    now = next((own[name].shape[:1] for name in own if name.startswith(CLASSIFIER)), None)
    other_classes = before is not None and before != now
    replaced = []
    for key, name in target.items():
        mine, theirs = own.get(name), state[key]
        if mine is None or not (name.startswith(resized) or mine.shape != theirs.shape):
            continue
        by_class = (mine.shape[:1], theirs.shape[:1]) == (now, before)
        is_memory = name.split(".")[0] not in NETWORKS and name in dict(model.named_buffers())
        fits = (by_class and mine.shape[1:] == theirs.shape[1:]) or is_memory
        if name.startswith(resized) or (other_classes and fits):
            replaced.append(f"{name} {tuple(theirs.shape)} -> {tuple(mine.shape)}")
            state[key] = mine
    return replaced


def _other_input(
    state: dict[str, Tensor], own: dict[str, Tensor], target: dict[str, str]
) -> tuple[str, ...]:
    """Return name prefixes of classifiers whose input size differs from that of a state."""
    resized = []
    for key, name in target.items():
        network, found, _ = name.partition(INPUT)
        if found and name in own and own[name].shape[1:] != state[key].shape[1:]:
            resized.append(network + found)
    return tuple(resized)


def _place(key: str, own: dict[str, Tensor]) -> str:
    """Return the name within the method for a key of a method, segmentor or wrapped model."""
    key = key.removeprefix("module.")
    return key if key in own or key.startswith(NETWORKS) else f"student.{key}"


def drop_unknown_parts(model: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Remove from a state dict, in place, the parts that the method lacks or initializes itself.

    A part is the name up to the first dot: a second network, a teacher, a memory. The student is
    never removed, so strict loading still raises an error if it does not match. Parts in the
    method's ``OF_ONE_RUN`` refer to the images of the other run, so they are removed too. The state
    of a plain segmentor does not change. Return the sorted names of the removed parts.
    """
    prefix = "module." if any(key.startswith("module.student.") for key in state) else ""
    if not any(key.startswith(f"{prefix}student.") for key in state):
        return []
    known = {name.split(".")[0] for name in model.state_dict()} - set(model.OF_ONE_RUN)
    part = {key: key.removeprefix(prefix).split(".")[0] for key in state}
    for key in [key for key, name in part.items() if name not in known]:
        del state[key]
    return sorted(set(part.values()) - known)


def add_adapters(model: nn.Module, state: dict[str, Tensor]) -> int:
    """Add the low-rank adapters of a method to the state dict of a run without them, in place.

    Adapters start at zero, so that the network is that of the other run at first. Return the number
    of layers that get one.
    """
    own = model.state_dict()
    keys = {_place(key, own): key for key in state}
    count = 0
    for name in own:
        layer, _, part = name.rpartition(".")
        key = keys.get(f"{layer}.weight")
        if part.startswith("lora_") and name not in keys and key is not None:
            state[f"{key.removesuffix('weight')}{part}"] = own[name]
            count += part == "lora_a"
    return count


def read_network(network: nn.Module, path: str, option: str) -> dict[str, Tensor]:
    """Read the network of another run, a method or a plain segmentor, and check that it matches.

    The teacher of a method is preferred over its student, as it predicts better.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"Expected {option} to be a checkpoint, but there is no file {path}. Train the "
            "supervised baseline with the same network first, or name another checkpoint."
        )
    state = read_state(path)
    for prefix in ("teacher.module.", "student."):
        if any(name.startswith(prefix) for name in state):
            state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            break
    own = network.state_dict()
    mismatch = describe_mismatch(own, state)
    if mismatch:
        raise ValueError(
            f"Expected {option}={path} to hold the weights of the same network as model.student, "
            f"but got {mismatch}. Train it with the same model.student."
        )
    check_numbers(state, own)
    return {name: state.get(name, value) for name, value in own.items()}
