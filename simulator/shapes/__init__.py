"""Realistic rows for the simulated org: one function per object.

Each function makes attributes and relationships in the API's camelCase, with the oddities that
the vendor's examples and real payloads show. The store adds id, type, links, createdAt,
updatedAt and the org. The same `random.Random` makes the same row.

Where a unit or a shape rests on a guess, the function says `UNCONFIRMED`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from simulator.org.objects import OBJECTS
from simulator.shapes import conversation, kobject, people, routing, rules, setup, talk
from simulator.shapes.base import Shape, ShapeContext

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SHAPES", "Shape", "ShapeContext"]

# The name of a function is that of its object.
SHAPES: dict[str, Callable[..., Shape]] = {
    name: shape
    for module in (people, conversation, talk, routing, kobject, setup, rules)
    for name, shape in vars(module).items()
    if inspect.isfunction(shape) and shape.__module__ == module.__name__ and name in OBJECTS
}
