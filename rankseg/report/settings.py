# SPDX-License-Identifier: Apache-2.0
"""Differences between the configs of several runs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rankseg.training.follow_length import FOLLOWED

IGNORED_SETTINGS = ("work_dir", "config_file", "resume", "launcher", "randomness.seed")
COPIES = ("test_dataloader", "test_evaluator", "test_cfg")  # usually repeat those of validation


def flat(config: Mapping) -> dict[str, Any]:
    """Flatten a config to dotted names; name list entries by their ``type`` if possible.

    Example:
        >>> flat({"a": {"b": 1}, "steps": [{"type": "Load", "cache": 2}, {"type": "Pack"}]})
        {'a.b': 1, 'steps[Load].cache': 2, 'steps[Pack]': 'Pack'}
    """
    return dict(_flat(config, ""))


def _flat(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            if where.endswith("]") and key == "type":
                if len(value) == 1:
                    yield where, item
                continue
            yield from _flat(item, f"{where}.{key}" if where else str(key))
    elif _is_steps(value):
        count = Counter(item["type"] for item in value)
        for i, item in enumerate(value):
            name = item["type"] if count[item["type"]] == 1 else f"{i}: {item['type']}"
            yield from _flat(item, f"{where}[{name}]")
    else:
        yield where, value


def _is_steps(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(item, Mapping) and "type" in item for item in value)
    )


def differences(configs: Sequence[Mapping]) -> dict[str, list[Any]]:
    """Return the settings that differ between runs, each with its value in every run.

    Folders, seeds and settings that only repeat another one are left out. The value is ``None`` for
    a run without the setting.

    Args:
        configs: One config per run.
    """
    tables = []
    for config in configs:
        config = {k: v for k, v in config.items() if k not in (*COPIES, FOLLOWED)}
        table = flat(config)
        if table.get("train_dataloader.dataset.seed") == table.get("randomness.seed"):
            table.pop("train_dataloader.dataset.seed", None)
        tables.append({key: value for key, value in table.items() if key not in IGNORED_SETTINGS})
    keys = dict.fromkeys(key for table in tables for key in table)
    found = {key: [table.get(key) for table in tables] for key in keys}
    return {key: values for key, values in found.items() if any(v != values[0] for v in values)}
