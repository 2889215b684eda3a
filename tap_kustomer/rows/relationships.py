"""Relationships of a resource become columns of ids, and of types where they vary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from tap_kustomer.naming import snake_case
from tap_kustomer.rows.redaction import Withheld
from tap_kustomer.rows.values import MISFIT, Converter, converter, plain_type

__all__ = ["Relationships"]


_REFERENCE = frozenset({"type", "id"})


class _Step(NamedTuple):
    """Where one relationship goes; a column that does not leave is ``None``."""

    extra: str | None  # its name among the extra attributes; None: its values are private
    id_column: str | None
    to_id: Converter
    ids_column: str | None
    to_ids: Converter
    type_column: str | None
    is_known: bool  # a column of the schema stands for it, whether selected or not
    is_org: bool
    is_simple: bool  # one id, as text, of one type


class Relationships:
    """The compiled conversion; what it learns of a name, it learns once."""

    def __init__(
        self,
        columns: Mapping[str, Mapping[str, Any]],
        selected: Collection[str],
        withheld: Withheld,
    ) -> None:
        """Prepare; ``selected`` are the ``columns`` that are part of the rows."""
        self._columns = columns
        self._selected = selected
        self._withheld = withheld
        self._steps: dict[str, _Step] = {}

    def put(
        self,
        relationships: Mapping[str, Any],
        row: dict[str, Any],
        extras: dict[str, Any],
    ) -> None:
        """Put the ids into ``row``; what has no column, or does not fit, into ``extras``."""
        steps = self._steps
        for name, relationship in relationships.items():
            data = relationship.get("data") if relationship.__class__ is dict else relationship
            if data is None:
                continue  # only a link, or nothing related
            step = steps.get(name) or self._learn(name)
            if data.__class__ is dict:
                id_, column = data.get("id"), step.id_column
                # The shape of nearly all, without a call.
                if (
                    column is not None
                    and step.is_simple
                    and (step.is_org or (column in row and row[column] is None))
                    and type(id_) is str
                    and id_
                ):
                    row[column] = id_
                    continue
                fits = self._put_one(step, data, row)
            elif data.__class__ is list:
                fits = self._put_many(step, data, row)
            else:
                fits = False
            if not fits and step.extra is not None:
                extras[step.extra] = self._withheld.rest_of(data)

    @staticmethod
    def _put_one(  # noqa: C901, PLR0911 - one line per shape
        step: _Step,
        data: Mapping[str, Any],
        row: dict[str, Any],
    ) -> bool:
        """Return whether nothing of ``data`` is left over."""
        if not step.is_known:
            return False
        id_ = data.get("id")
        if id_ is None:
            return data.keys() <= _REFERENCE  # nobody, as in the audit log of a system's change
        if id_ == "":
            return False
        column = step.id_column
        if column is None:
            return step.ids_column is None  # deselected, unless the schema expects several
        fitting = step.to_id(id_)
        if fitting is MISFIT:
            return False
        present = row.get(column)
        if present is None or step.is_org:
            row[column] = fitting
        elif present != fitting:
            return False
        if step.type_column is not None:
            type_ = data.get("type")
            before = row.get(step.type_column)
            if before is None:
                row[step.type_column] = type_ if isinstance(type_, str) else None
            elif type_ is not None and type_ != before:
                return False
        return True

    @staticmethod
    def _put_many(step: _Step, data: list[Any], row: dict[str, Any]) -> bool:
        if not step.is_known:
            return False
        column = step.ids_column
        if column is None:
            return step.id_column is None
        ids = [one.get("id") for one in data if one.__class__ is dict]
        ids = [one for one in ids if one is not None and one != ""]
        fitting = step.to_ids(ids)
        if fitting is MISFIT:
            return False
        present = row.get(column)
        if present is None:
            row[column] = fitting
        elif present != fitting:
            return False
        return len(ids) == len(data)

    def _learn(self, name: str) -> _Step:
        stem = snake_case(name)
        id_, ids, type_ = f"{stem}_id", f"{stem}_ids", f"{stem}_type"
        known = [column for column in (id_, ids) if column in self._columns]
        simple = id_ in self._selected and plain_type(self._columns[id_]) is str
        varies = type_ in self._selected
        step = _Step(
            extra=None if name in self._withheld else f"relationships.{name}",
            id_column=id_ if id_ in self._selected else None,
            to_id=converter(self._columns.get(id_, {"type": "string"})),
            ids_column=ids if ids in self._selected else None,
            to_ids=converter(self._columns.get(ids, {"type": "array"})),
            type_column=type_ if varies else None,
            is_known=bool(known),
            is_org=id_ == "org_id",
            is_simple=simple and not varies,
        )
        self._steps[name] = step
        return step
