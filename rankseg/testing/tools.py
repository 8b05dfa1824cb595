# SPDX-License-Identifier: Apache-2.0
"""Import of the command-line tools of the repository, which are not a package."""

import importlib.util
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[2] / "tools"


def load_tool(name: str) -> ModuleType:
    """Import ``tools/NAME.py``.

    Args:
        name: Path below ``tools`` without its ending, such as ``"benchmarks/step"``.
    """
    spec = importlib.util.spec_from_file_location(
        f"tools_{name.replace('/', '_')}", TOOLS / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
