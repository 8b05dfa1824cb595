# SPDX-License-Identifier: Apache-2.0
"""Settings that follow the length of a run: warm-up, ramp, schedules and intervals."""

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mmengine.config import Config

from rankseg.engine.resilience.checkpoint import read_resumable
from rankseg.engine.resilience.identity import KEY, OPTIONS

FOLLOWED = "followed_length"
"""Key of the config with the values, by dotted key, from before they followed the length."""
LENGTHS = ("max_iters", "max_epochs")
SHARES = ("warmup", "ramp")  # may be shares of the run in a config
POINTS = ("begin", "end", "T_max", "milestones")  # iterations in a schedule
CHECKPOINT = "default_hooks.checkpoint.interval"


def choose_length(cfg: Config, options: Mapping[str, Any]) -> None:
    """Let a length in iterations of an option replace one in passes, or the other way round."""
    given = [name for name in LENGTHS if f"train_cfg.{name}" in options]
    if len(given) == 1 and cfg.get("train_cfg"):
        (other,) = set(LENGTHS) - set(given)
        cfg.train_cfg.pop(other, None)


def follow_length(cfg: Config, before: Mapping[str, Any], given: Collection[str]) -> None:
    """Scale warm-up, ramp, schedules and intervals with the length that an option sets.

    A run of a tenth of the iterations has a tenth of the warm-up, and as many validations. Values
    that an option in ``given`` sets stay. Checkpoints become more frequent in a shorter run, but
    not rarer in a longer one. Afterwards, ``model.warmup`` and ``model.ramp`` below 1 are replaced
    by that share of the iterations. ``cfg.followed_length`` keeps the earlier values.
    """
    train = cfg.get("train_cfg") or {}
    factor = _factor(before, train)
    if factor != 1:
        scaled = {
            key: (old, new)
            for key, old in _lengths(cfg)
            if not any(key == one or key.startswith(f"{one}.") for one in given)
            and (new := _scale(old, factor, capped=key == CHECKPOINT)) != old
        }
        for key, (_, new) in scaled.items():
            _set(cfg, key, new)
        if scaled:
            cfg[FOLLOWED] = {key: old for key, (old, _) in scaled.items()}
    _replace_shares(cfg, train.get("max_iters"))


def keep_lengths(cfg: Config) -> None:
    """Restore the warm-up, ramp and schedules with which a resumed run was started.

    Only values that followed the length of the run change.
    """
    if not (cfg.get(FOLLOWED) and cfg.get("resume") and cfg.get("load_from")):
        return
    meta = read_resumable(cfg.load_from)["meta"].get(KEY)
    saved = meta.get(OPTIONS) if isinstance(meta, Mapping) else None
    for key, old in list(cfg[FOLLOWED].items()):
        texts = [(saved or {}).get(name) for name in _leaves(key, old)]
        if texts and all(isinstance(text, str) for text in texts):
            values = [ast.literal_eval(text) for text in texts]
            _set(cfg, key, values if isinstance(old, list | tuple) else values[0])


def describe_lengths(cfg: Config) -> str | None:
    """Return a sentence on the values that follow the length of the run, or None."""
    if not cfg.get(FOLLOWED):
        return None
    values = ", ".join(f"{key}={_get(cfg, key)} (was {old})" for key, old in cfg[FOLLOWED].items())
    train = cfg.train_cfg
    name = next(name for name in LENGTHS if train.get(name) is not None)
    return f"These settings follow train_cfg.{name}={train[name]}: {values}"


def _factor(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Return the ratio of the new to the old length, or 1 if there is none."""
    for name in LENGTHS:
        old, new = before.get(name), now.get(name)
        if all(type(one) in (int, float) and one > 0 for one in (old, new)):
            return new / old
    return 1


def _lengths(cfg: Config) -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and values that count iterations of the run."""
    model = cfg.get("model") or {}
    yield from ((f"model.{name}", model[name]) for name in SHARES if _counts(model.get(name)))
    schedulers = cfg.get("param_scheduler") or []
    single = isinstance(schedulers, dict)
    for i, one in enumerate([schedulers] if single else schedulers):
        if one.get("by_epoch") is False:
            prefix = "param_scheduler" if single else f"param_scheduler.{i}"
            yield from ((f"{prefix}.{name}", one[name]) for name in POINTS if name in one)
    if _counts(cfg.train_cfg.get("val_interval")):
        yield "train_cfg.val_interval", cfg.train_cfg.val_interval
    hook = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    if hook.get("by_epoch") is False and _counts(hook.get("interval")):
        yield CHECKPOINT, hook.interval


def _counts(value: Any) -> bool:
    return type(value) is int and value > 0


def _scale(value: Any, factor: float, capped: bool) -> Any:
    if isinstance(value, list | tuple):
        return [_scale(one, factor, capped) for one in value]
    if not _counts(value):
        return value
    return max(1, round(value * (min(1, factor) if capped else factor)))


def _replace_shares(cfg: Config, iterations: Any) -> None:
    """Replace shares of the run by iterations."""
    model = cfg.get("model") or {}
    for name in SHARES:
        share = model.get(name)
        if not (type(share) is float and 0 < share < 1):
            continue
        if not _counts(iterations):
            raise ValueError(
                f"Expected train_cfg.max_iters in the config for model.{name}={share}, a share of "
                f"the run, but got a run of {cfg.train_cfg.get('max_epochs')} passes. Set "
                f"model.{name} in iterations."
            )
        model[name] = max(1, round(share * iterations))


def _leaves(key: str, value: Any) -> list[str]:
    """Return the dotted keys of a value, as the identity of a run names them."""
    return [f"{key}.{i}" for i in range(len(value))] if isinstance(value, list | tuple) else [key]


def _get(cfg: Config, key: str) -> Any:
    node = cfg
    for name in key.split("."):
        node = node[int(name)] if isinstance(node, list) else node[name]
    return node


def _set(cfg: Config, key: str, value: Any) -> None:
    parent, _, name = key.rpartition(".")
    _get(cfg, parent)[name] = value
