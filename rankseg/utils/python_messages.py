# SPDX-License-Identifier: Apache-2.0
"""Messages of errors in the words of Python, for callers that have no command line."""

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_COMMAND_LINE: ContextVar[bool] = ContextVar("command_line", default=False)

CALLS = {
    "resume": "apis.resume_from_latest(cfg)",
    "auto-scale-lr": "apis.scale_learning_rate(cfg)",
    "amp": "apis.use_amp(cfg)",
    "extend-schedule": "cfg.extend_schedule=True",
    "load-from": "cfg.load_from",
    "trust-checkpoint": "rankseg.engine.resilience.checkpoint.trust_checkpoints()",
    "cfg-options": "options",
}
SWITCHES = ("overwrite", "skip-existing", "binary-255", "uncertainty", "probabilities", "flip")
_COMMAND = re.compile(r"`[^`]*(?:tools/|rankseg )[^`]*`|(?:python )?tools/\S+\.py(?: \S+)*")
_OPTIONS = re.compile(r"--cfg-options (?P<key>[\w.]+)=(?P<value>\([^)]*\)|[^\s,;)]*[^\s,;).])")
_FLAG = re.compile(r"(?<![\w-])--(?P<name>[a-z][a-z0-9-]*[a-z0-9])")


def in_python(text: str) -> str:
    """Return a message with Python's arguments in place of command-line options.

    Whole commands, such as ``python tools/train.py ...``, stay as they are.

    >>> in_python("Set another --work-dir, or add --overwrite.")
    'Set another work_dir, or add overwrite=True.'
    >>> in_python("Train from random weights with --cfg-options model.pretrained=None.")
    "Train from random weights with options={'model.pretrained': None}."
    """
    parts, end = [], 0
    for command in _COMMAND.finditer(text):
        parts += [_replace(text[end : command.start()]), command[0]]
        end = command.end()
    return "".join([*parts, _replace(text[end:])])


def _replace(text: str) -> str:
    text = _OPTIONS.sub(lambda found: f"options={{{found['key']!r}: {found['value']}}}", text)
    return _FLAG.sub(lambda found: _argument(found["name"]), text)


def _argument(name: str) -> str:
    plain = name.replace("-", "_")
    return CALLS.get(name) or (f"{plain}=True" if name in SWITCHES else plain)


@contextmanager
def on_command_line() -> Iterator[None]:
    """Keep command-line options in messages; the tools run inside this context."""
    token = _COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _COMMAND_LINE.reset(token)


def speaks_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that its errors name arguments instead of command-line options."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if not _COMMAND_LINE.get() and len(error.args) == 1 and isinstance(error.args[0], str):
                error.args = (in_python(error.args[0]),)
            raise

    return call
