"""The arrows between the rooms: imports point one way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "tap_kustomer"

# A room may import the rooms behind it in this order, and itself.
ORDER = [
    "airbyte",
    "tap",
    "cli",
    "sync",
    "streams",
    "rows",
    "catalog",
    "readers",
    "client",
    "webhooks",
]
# Anyone may import these; they import no room.
VOCABULARY = {
    "__init__",
    "clock",
    "errors",
    "messages",
    "naming",
    "org",
    "settings",
    "state",
    "timestamps",
    "schemas",
}


def room_of(module: str) -> str:
    """Return the room of a dotted module name below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    """Return the rooms that a module imports at run time."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tap_kustomer"):
            module = node.module or ""
            if module == "tap_kustomer":
                found |= {alias.name for alias in node.names if not alias.name.startswith("_")}
            else:
                found.add(room_of(module))
    return found


def modules() -> list[tuple[str, Path]]:
    """Return room and path of every module."""
    result = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        result.append((relative.parts[0].removesuffix(".py"), path))
    return result


def test_every_module_belongs_to_a_room() -> None:
    """A new room says where it stands before anyone can import it."""
    rooms = {room for room, _ in modules()} - {"__main__"}
    assert rooms <= VOCABULARY | set(ORDER)


def test_rooms_import_only_what_lies_behind_them() -> None:
    """A change in a room can then break only those before it."""
    broken = []
    for room, path in modules():
        if room not in ORDER:
            continue
        allowed = VOCABULARY | set(ORDER[ORDER.index(room) :])
        broken += [f"{path.name} imports {one}" for one in imports_of(path) - allowed]
    assert not broken


def test_vocabulary_imports_no_room() -> None:
    """What everyone knows must not depend on anyone."""
    broken = [
        f"{path.name} imports {one}"
        for room, path in modules()
        if room in VOCABULARY
        for one in imports_of(path) - VOCABULARY
    ]
    assert not broken


def test_the_package_never_imports_the_simulator() -> None:
    """The simulator is not in the wheel."""
    pattern = re.compile(r"^\s*(from|import) simulator", re.MULTILINE)
    assert not [path for _, path in modules() if pattern.search(path.read_text())]
