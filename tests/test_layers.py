"""The layers of the package: an import goes down, never up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from helpers import ROOT

PACKAGE = ROOT / "dcgan_tf"
# From the ground up; docs/architecture.md draws them. Rooms on one floor may use each other.
FLOORS = [
    ["system"],
    ["settings"],
    # the DCGAN
    ["pixels", "latents", "losses", "replicas", "layers", "augment", "optimizer", "networks", "xla_step", "model"],
    ["data", "download"],
    ["runs"],
    ["sampling", "export"],
    ["evaluation"],
    ["training"],
    ["api", "trained_run", "__init__"],
    ["cli", "__main__"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(file: Path) -> Iterator[tuple[str, int]]:
    """Yield each room of the package that a module imports, also within functions, and the line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *rooms = name.split(".")
            if package == "dcgan_tf":
                yield rooms[0], node.lineno


def test_every_module_is_in_a_room():
    assert {room_of(file) for file in modules()} == set(FLOOR)


def test_no_import_goes_up():
    wrong = []
    for file in modules():
        for room, line in imported_rooms(file):
            if FLOOR[room] > FLOOR[room_of(file)]:
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {room}")
    assert wrong == []


def test_only_the_command_line_uses_absl_flags():
    users = [file for file in modules() if "from absl import flags" in file.read_text(encoding="utf-8")]
    assert [file.relative_to(PACKAGE).as_posix() for file in users] == ["cli/flags.py"]


def test_only_messages_and_help_print():
    """As a library the package leaves stdout alone."""
    users = set()
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                users.add(file.relative_to(PACKAGE).as_posix())
    assert users <= {"cli/flags.py", "download/__main__.py", "system/signals.py"}
