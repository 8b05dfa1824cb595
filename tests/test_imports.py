# SPDX-License-Identifier: Apache-2.0
"""Rooms of the package import from rooms below them only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import rankseg

PACKAGE = Path(rankseg.__file__).parent
ROOMS = (
    "__main__",
    "cli",
    "apis",
    "projects",
    "report",
    "analysis",
    "export",
    "inference",
    "training",
    "engine",
    "models",
    "demo",
    "datasets",
    "evaluation",
    "selection",
    "visualization",
    "imageio",
    "utils",
    "structures",
    "registry",
    "errors",
    "version",
)
"""From top to bottom. ``testing`` serves the tests and may import from anywhere."""


def imports(path: Path) -> Iterator[str]:
    """Rooms that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "rankseg":
            names = [f"rankseg.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("rankseg."))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_file_is_in_a_known_room():
    found = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "testing"}
    assert found == set(ROOMS)


def test_imports_go_down_only():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports from {room}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if room_of(path) in ROOMS
        for room in imports(path)
        if room == "testing" or ROOMS.index(room) < ROOMS.index(room_of(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_scikit_learn_is_imported_where_it_is_used():
    """It takes a sixth of the time that all imports of a training take."""
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for room in ("training", "engine", "models", "datasets", "selection", "visualization")
        for path in (PACKAGE / room).rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in (getattr(node, "module", None), *(alias.name for alias in node.names))
        if (name or "").split(".")[0] == "sklearn"
    ]
    assert not wrong, "\n".join(wrong)
