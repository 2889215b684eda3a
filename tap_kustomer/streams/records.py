"""One JSON:API resource becomes one flat row; compiled once per stream from its schema.

{"id": "5f", "attributes": {"createdAt": "...", "custom": {"vipBool": true}, "new": 1},
 "relationships": {"customer": {"data": {"type": "customer", "id": "5e"}}}}

{"id": "5f", "created_at": "...", "custom": {"vipBool": true}, "customer_id": "5e",
 "org_id": "...", "_sdc_deleted_at": null, "extra_attributes": {"new": 1}}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_kustomer.errors import StreamError
from tap_kustomer.naming import snake_case
from tap_kustomer.streams.values import MISFIT, converter, is_masked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_kustomer.streams.values import Converter

__all__ = ["RecordShape", "row_maker"]

Record = dict[str, Any]


@dataclass(frozen=True)
class RecordShape:
    """What a row of one stream looks like.

    ``properties`` is all that the schema knows, ``selected`` the columns that leave, and
    ``selected_custom`` the custom attributes of them; ``private`` names columns and custom
    attributes whose values never go anywhere else, because a stream map works on them.
    """

    stream: str
    properties: Mapping[str, Mapping[str, Any]]
    selected: frozenset[str]
    org_id: str | None
    deselected_custom: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    keep_unknown: bool = True
    secrets: tuple[str, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)


def row_maker(shape: RecordShape) -> Callable[[Mapping[str, Any]], Record]:
    """Return the function from a resource to its row.

    It raises ``StreamError`` for a resource without an id: a row without key would be lost in
    the target, or would replace another.
    """
    return _RowMaker(shape)


class _RowMaker:
    """The compiled conversion. What it learns of an attribute name, it learns once."""

    def __init__(self, shape: RecordShape) -> None:
        self._shape = shape
        self._columns = shape.properties
        self._empty: Record = dict.fromkeys(
            name for name in shape.properties if name in shape.selected
        )
        self._empty.update({k: v for k, v in shape.constants.items() if k in shape.selected})
        if "org_id" in self._empty:
            self._empty["org_id"] = shape.org_id
        self._has_custom = "custom" in self._empty
        self._tells_extras = "extra_attributes" in self._empty
        self._tells_deletion = "_sdc_deleted_at" in self._empty
        self._tells_klass = "klass" in self._empty
        self._secrets = tuple(path.split(".") for path in shape.secrets)
        self._secret_roots = frozenset(path[0] for path in self._secrets)
        # Attribute name -> (column or None, conversion or None). Names of the API are few.
        self._steps: dict[str, tuple[str | None, Converter | None]] = {}
        custom = shape.properties.get("custom", {}).get("properties", {})
        self._custom: dict[str, Converter] = {
            name: converter(schema) for name, schema in custom.items()
        }

    def __call__(self, resource: Mapping[str, Any]) -> Record:
        id_ = resource.get("id")
        row = self._empty.copy()
        if "id" in row:
            if not isinstance(id_, (str, int)) or id_ == "" or isinstance(id_, bool):
                msg = (
                    f"{self._shape.stream}: Kustomer sent a row without an id. The stream "
                    "stopped, since such a row has no place in a table; report it to Kustomer."
                )
                raise StreamError(msg)
            row["id"] = str(id_)
        if self._tells_klass:
            row["klass"] = _klass_of(resource)
        extras: Record = {}
        attributes = resource.get("attributes")
        if isinstance(attributes, dict):
            if self._secret_roots:
                attributes = self._without_secrets(attributes)
            self._put_attributes(attributes, row, extras)
        relationships = resource.get("relationships")
        if isinstance(relationships, dict):
            self._put_relationships(relationships, row, extras)
        if self._has_custom and row["custom"] is None:
            row["custom"] = {}
        if self._tells_deletion:
            row["_sdc_deleted_at"] = _deleted_at(attributes, row)
        if extras and self._tells_extras and self._shape.keep_unknown:
            row["extra_attributes"] = extras
        return row

    def _put_attributes(self, attributes: Mapping[str, Any], row: Record, extras: Record) -> None:
        steps = self._steps
        for name, value in attributes.items():
            try:
                column, convert = steps[name]
            except KeyError:
                column, convert = steps[name] = self._learn(name)
            if convert is None or column is None:
                if column is None and value is not None:
                    extras[name] = value
                continue
            if value is None:
                continue
            fitting = convert(value) if column != "custom" else self._custom_of(value, extras)
            if fitting is not MISFIT:
                row[column] = fitting
            elif column not in self._shape.private and not is_masked(value):
                extras[name] = value

    def _learn(self, name: str) -> tuple[str | None, Converter | None]:
        """Return where an attribute goes; (None, None): to the extras; (column, None): nowhere."""
        column = snake_case(name)
        schema = self._columns.get(column)
        if column in _OURS or schema is None:
            return (column, None) if column in self._shape.private else (None, None)
        if column not in self._shape.selected:
            return column, None
        return column, converter(schema)

    def _custom_of(self, value: Any, extras: Record) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            return MISFIT
        result: Record = {}
        for name, one in value.items():
            if name in self._shape.deselected_custom:
                continue
            convert = self._custom.get(name)
            if one is None or convert is None:
                if convert is None and one is not None and not self._shape.keep_unknown:
                    continue
                result[name] = one
                continue
            fitting = convert(one)
            if fitting is not MISFIT:
                result[name] = fitting
                continue
            result[name] = None
            private = not self._shape.private.isdisjoint({"custom", f"custom.{name}"})
            if not private and not is_masked(one):
                extras[f"custom.{name}"] = one
        return result

    def _put_relationships(
        self,
        relationships: Mapping[str, Any],
        row: Record,
        extras: Record,
    ) -> None:
        for name, relationship in relationships.items():
            data = relationship.get("data") if isinstance(relationship, dict) else relationship
            if data is None:
                continue  # only a link, or nothing related
            stem = snake_case(name)
            if isinstance(data, list):
                ids = [str(one["id"]) for one in data if isinstance(one, dict) and one.get("id")]
                self._put_related(name, f"{stem}_ids", ids, data, row, extras)
            elif isinstance(data, dict) and data.get("id") is not None:
                self._put_related(name, f"{stem}_id", str(data["id"]), data, row, extras)
                type_column = f"{stem}_type"
                if row.get(type_column, MISFIT) is None and isinstance(data.get("type"), str):
                    row[type_column] = data["type"]

    def _put_related(  # noqa: PLR0913, PLR0917 - a value, its origin and its two destinations
        self,
        name: str,
        column: str,
        value: object,
        data: object,
        row: Record,
        extras: Record,
    ) -> None:
        if column not in self._columns:
            if f"relationships.{name}" not in self._shape.private:
                extras[f"relationships.{name}"] = data
        elif column in row:
            present = row[column]
            if present is None or column == "org_id":
                row[column] = value
            elif present != value and column not in self._shape.private:
                extras[f"relationships.{name}"] = data

    def _without_secrets(self, attributes: Mapping[str, Any]) -> Record:
        result = dict(attributes)
        for path in self._secrets:
            _remove(result, path)
        return result


# Columns that the tap fills itself: an attribute of that name is unknown to the schema.
_OURS = frozenset({"_sdc_deleted_at", "extra_attributes", "parent_updated_at", "id"})


def _klass_of(resource: Mapping[str, Any]) -> str | None:
    """Return the klass of a custom object: the resource's type is ``kobject.<klass>``."""
    prefix, _, klass = str(resource.get("type", "")).partition(".")
    return klass if prefix == "kobject" and klass else None


def _remove(attributes: Record, path: list[str]) -> None:
    """Remove the value at ``path``, copying what is changed on the way; lists are gone through."""
    name, *rest = path
    if name not in attributes:
        return
    if not rest:
        del attributes[name]
        return
    inner = attributes[name]
    if isinstance(inner, dict):
        attributes[name] = inner = dict(inner)
        _remove(inner, rest)
    elif isinstance(inner, list):
        attributes[name] = copies = [dict(x) if isinstance(x, dict) else x for x in inner]
        for one in copies:
            if isinstance(one, dict):
                _remove(one, rest)


def _deleted_at(attributes: object, row: Record) -> str | None:
    if not isinstance(attributes, dict) or attributes.get("deleted") is not True:
        return None
    moment = converter({"type": ["string"], "format": "date-time"})
    for name in ("deletedAt", "updatedAt"):
        value = moment(attributes.get(name))
        if value is not MISFIT:
            return str(value)
    return row.get("created_at")
