# SPDX-License-Identifier: Apache-2.0
"""Names of the tools: ``rankseg train``, or ``python tools/train.py`` in a checkout."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMANDS = {
    "new": "new_project",
    "new-stack": "lucchi",
    "train": "train",
    "test": "test",
    "predict": "predict",
    "report": "report",
    "compare": "compare",
    "collect-results": "collect_results",
    "demo": "demo",
    "draw-stack": "draw_stack",
    "make-splits": "make_splits",
    "fill-missing": "fill_missing",
    "pseudo-label": "pseudo_label",
    "evaluate-features": "evaluate_features",
    "retrieve": "retrieve",
    "match-images": "match_images",
    "sample-map": "sample_map",
    "agent-maps": "agent_maps",
    "attention-maps": "attention_maps",
    "assembly-maps": "assembly_maps",
    "export-onnx": "export_onnx",
    "to-mmseg": "to_mmseg",
    "to-safetensors": "to_safetensors",
    "unimatch": "unimatch",
}
"""Module in ``rankseg.cli`` of each command, which is also the name of its file in ``tools``."""

_NAMES = {module: name for name, module in COMMANDS.items()}
_FOLDERS = {
    "lucchi": "dataset_converters/",
    "to_mmseg": "model_converters/",
    "to_safetensors": "model_converters/",
}
_TOOL = re.compile(
    r"(?P<launcher>(?:torchrun|torch\.distributed\.run) [^\n]*?)?(?:python3? )?"
    r"(?:'[^'\n]*tools'|(?:[\w.~/-]*/)?\btools)/(?:\w+/)?(?P<module>\w+)\.py"
)


class _Style:
    """How commands are written in help, messages and suggested next steps.

    Attributes:
        prefix: What precedes the name of a command, such as ``"rankseg"``; None: commands are
            written as ``python tools/NAME.py``.
    """

    prefix: str | None = None


if not Path(__file__).resolve().parents[2].joinpath("tools", "train.py").is_file():
    _Style.prefix = "rankseg"  # installed without the tools of a checkout


def tool_command(module: str) -> str:
    """Return how to start a file of ``tools`` from the current folder: ``python tools/train.py``.

    :func:`spell_commands` replaces it if the user works with the command ``rankseg``.
    """
    folder, here = Path(__file__).resolve().parents[2] / "tools", Path.cwd()
    if folder.is_relative_to(here) or not folder.is_dir():
        folder = Path("tools")
    inside = _FOLDERS.get(module, "")
    return f"python {shlex.quote(str(folder))}/{inside}{module}.py"


@contextmanager
def console_names() -> Iterator[str]:
    """Write commands as the user started this one: ``rankseg``, or ``python -m rankseg``.

    Yields:
        What precedes the name of a command.
    """
    before = _Style.prefix
    by_module = Path(sys.argv[0]).name == "__main__.py"
    _Style.prefix = "python -m rankseg" if by_module else "rankseg"
    try:
        yield _Style.prefix
    finally:
        _Style.prefix = before


def spell_commands(text: str) -> str:
    """Replace ``python tools/train.py`` with ``rankseg train`` if that is how the user works.

    The text stays as it is when a file of ``tools`` was started. Other files, such as the
    benchmarks, keep their names.
    """
    prefix = _Style.prefix
    if prefix is None:
        return text

    def spell(match: re.Match) -> str:
        name = _NAMES.get(match["module"])
        if name is None:
            return match[0]
        if match["launcher"]:
            return f"{match['launcher']}-m rankseg {name}"
        return f"{prefix} {name}"

    return _TOOL.sub(spell, text)
