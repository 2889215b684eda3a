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
    "contact",
    "sync",
    "vanished",
    "streams",
    "session",
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
    "edge",
    "errors",
    "ledger",
    "messages",
    "naming",
    "org",
    "run",
    "settings",
    "state",
    "summary",
    "timestamps",
    "schemas",
}


def room_of(module: str) -> str:
    """Return the room of a dotted module name below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a module imports, for its types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else str(node.module))
    return {one for one in found if one.split(".")[0] == PACKAGE.name}


def rooms_of(path: Path) -> set[str]:
    """Return the rooms that a module imports from."""
    return {room_of(module) for module in imports_of(path)} - {"__init__"}


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


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
        broken += [f"{path.name} imports {one}" for one in rooms_of(path) - allowed]
    assert not broken


def test_vocabulary_imports_no_room() -> None:
    """What everyone knows must not depend on anyone."""
    broken = [
        f"{path.name} imports {one}"
        for room, path in modules()
        if room in VOCABULARY
        for one in rooms_of(path) - VOCABULARY
    ]
    assert not broken


def test_the_package_never_imports_the_simulator() -> None:
    """The simulator is not in the wheel."""
    pattern = re.compile(r"^\s*(from|import) simulator", re.MULTILINE)
    assert not [path for _, path in modules() if pattern.search(path.read_text())]


def test_no_import_leads_in_a_circle() -> None:
    """A module can then be understood, and tested, with only those behind it."""
    imports = {name: imports_of(path) for name, path in MODULES.items()}
    circles = {name for name in MODULES if name in _behind(name, imports)}
    assert not circles


def _behind(start: str, imports: dict[str, set[str]]) -> set[str]:
    """Return the modules that ``start`` imports, directly or not."""
    found: set[str] = set()
    rest = [start]
    while rest:
        new = imports.get(rest.pop(), set()) - found
        found |= new
        rest += new
    return found


def test_no_stream_reaches_into_the_tap() -> None:
    """What a stream may use is what its session names."""
    using = [
        path.name for path in PACKAGE.rglob("*.py") if re.search(r"\b_tap\.", path.read_text())
    ]
    assert not using
