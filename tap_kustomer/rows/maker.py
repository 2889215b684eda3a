"""One JSON:API resource becomes one flat row; compiled once per stream from its schema.

{"id": "5f", "attributes": {"createdAt": "...", "custom": {"vipBool": true}, "new": 1},
 "relationships": {"customer": {"data": {"type": "customer", "id": "5e"}}}}

{"id": "5f", "created_at": "...", "custom": {"vipBool": true}, "customer_id": "5e",
 "org_id": "...", "_sdc_deleted_at": null, "extra_attributes": {"new": 1}}
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from singer_sdk.singerlib.json import serialize_json

from tap_kustomer.errors import StreamError
from tap_kustomer.naming import snake_case
from tap_kustomer.rows.custom import CustomAttributes, custom_type
from tap_kustomer.rows.redaction import Withheld, without
from tap_kustomer.rows.relationships import Relationships
from tap_kustomer.rows.values import (
    MISFIT,
    Converter,
    admits_null,
    converter,
    is_masked,
    plain_type,
    typed,
)

__all__ = ["Record", "RecordShape", "RowMaker"]

Record = dict[str, Any]
# An attribute's column, the type whose values fit as they are, and the conversion of others.
# No conversion: the value goes to the extras (no column either), nowhere, or is `custom`.
_Step = tuple["str | None", "type | None", "Converter | None"]

# Columns that the tap fills itself: an attribute of that name is unknown to the schema.
_OURS = frozenset({"_sdc_deleted_at", "extra_attributes", "parent_updated_at", "id"})
_MEMBERS = frozenset({"id", "type", "attributes", "relationships", "links"})
_OF_DELETION = frozenset({"deleted", "deletedAt", "updatedAt"})
_to_moment = converter({"type": "string", "format": "date-time"})
_to_boolean = converter({"type": "boolean"})


@dataclass(frozen=True)
class RecordShape:
    """What a row of one stream looks like.

    ``properties`` is all that the schema knows, ``selected`` the columns that leave, and
    ``deselected_custom`` the custom attributes of them that do not; ``private`` names columns
    whose values never go anywhere else, because a stream map works on them. Where
    ``known_custom_only``, or any custom attribute is deselected, those that the schema does not
    know stay too: one of them could be the one that is meant.
    """

    stream: str
    properties: Mapping[str, Mapping[str, Any]]
    selected: frozenset[str]
    org_id: str | None
    deselected_custom: frozenset[str] = frozenset()
    known_custom_only: bool = False
    private: frozenset[str] = frozenset()
    keep_unknown: bool = True
    secrets: tuple[str, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)


class _AliasFoundError(Exception):
    """Two attribute names of the API lead to one column; it is learned in the middle of a row."""


class RowMaker:
    """The function from a resource to its row. What it learns of a name, it learns once.

    It raises ``StreamError`` for a resource without an id: a row without key would be lost in
    the target, or would replace another.
    """

    def __init__(self, shape: RecordShape) -> None:
        """Compile the conversion of ``shape``."""
        self._shape = shape
        self._columns = {sys.intern(name): one for name, one in shape.properties.items()}
        selected = {name for name in shape.properties if name in shape.selected}
        custom = custom_type(self._columns["custom"]) if "custom" in selected else None
        self._has_custom = custom is not None
        self._custom_is_text = custom is str
        # A column that a catalog does not let be null is absent until it has a value.
        self._empty: Record = dict.fromkeys(
            name
            for name, schema in self._columns.items()
            if name in selected
            and (name == "id" or (name == "custom" and custom) or admits_null(schema))
        )
        if custom is None:
            self._columns.pop("custom", None)  # its values go where those of no column go
        self._empty.update({k: v for k, v in shape.constants.items() if k in selected})
        if "org_id" in selected and shape.org_id is not None:
            self._empty["org_id"] = shape.org_id
        self._known_custom_only = shape.known_custom_only or bool(shape.deselected_custom)
        self._tells_id = "id" in selected
        self._tells_extras = "extra_attributes" in selected and shape.keep_unknown
        self._tells_deletion = "_sdc_deleted_at" in selected
        self._tells_klass = "klass" in selected
        self._secrets = tuple(path.split(".") for path in shape.secrets)
        self._looked_into = _OF_DELETION | {path[0] for path in self._secrets}
        # Attribute name -> what becomes of it. Names of the API are few.
        self._steps: dict[str, _Step] = {}
        self._names: dict[str, str] = {}  # column -> the first name that led to it
        self._kept: set[str] = set()  # what rows had that went to the extras
        self._shared: set[str] = set()  # columns to which several names lead
        self._put_custom = CustomAttributes(
            shape.properties.get("custom", {}).get("properties", {}),
            shape.deselected_custom,
            shape.private,
            known_only=self._known_custom_only,
            keep_unknown=shape.keep_unknown,
        ).put
        self._withheld = Withheld(
            {
                *(shape.properties.keys() - selected),
                *shape.deselected_custom,
                *shape.private,
                *shape.secrets,
                *(["custom"] if self._known_custom_only else []),
            }
        )
        self._relationships = Relationships(shape.properties, selected, self._withheld)

    def __call__(self, resource: Mapping[str, Any]) -> Record:
        """Return the row of ``resource``."""
        try:
            return self.fill(self.new_row(), resource)
        except _AliasFoundError:
            return self(resource)

    @property
    def names(self) -> Collection[str]:
        """The attribute names seen so far."""
        return self._steps.keys()

    @property
    def unknown(self) -> list[str]:
        """Attributes with values that the schema does not know."""
        return sorted(
            one for one in self._kept if one in self._steps and self._steps[one][0] is None
        )

    @property
    def unfit_custom(self) -> list[str]:
        """Custom attributes, as ``custom.<name>``, with values that do not fit their type."""
        return sorted(name for name in self._kept if name.startswith("custom."))

    def new_row(self) -> Record:
        """Return the row of a resource that says nothing."""
        return self._empty.copy()

    def fill(self, row: Record, resource: Mapping[str, Any]) -> Record:
        """Return ``row`` with what ``resource`` says added to it."""
        if self._tells_id:
            row["id"] = self._id_of(resource)
        if self._tells_klass:
            row["klass"] = _klass_of(resource)
        extras: Record = {}
        attributes = resource.get("attributes")
        if attributes.__class__ is dict:
            if self._secrets:
                attributes = without(attributes, self._secrets)
            self._put_attributes(attributes, row, extras)
        relationships = resource.get("relationships")
        if relationships.__class__ is dict:
            self._relationships.put(relationships, row, extras)
        if self._has_custom and row["custom"] is None:
            row["custom"] = {}
        if self._custom_is_text:
            row["custom"] = serialize_json(row["custom"])
        if self._tells_deletion:
            row["_sdc_deleted_at"] = _deleted_at(attributes, row)
        self._put_rest(resource, extras)
        if extras:
            self._put_extras(extras, row)
        return row

    def copies(self, name: str) -> tuple[str, Any] | None:
        """Return the column that an attribute enters unchanged, and the type of such values.

        ``None`` when its values have to be looked at.
        """
        column, _, convert = self._steps[name]
        if column is None or convert is None:
            return None
        if column in self._shared or name in self._looked_into:
            return None
        if self._empty.get(column, "") is not None:
            return None  # what the tap fills, or leaves out, stands until there is a value
        type_ = typed(self._columns[column])
        return None if type_ is Any else (column, type_)

    def leaves_out(self, name: str) -> bool:
        """Whether no part of a row depends on an attribute."""
        column, _, convert = self._steps[name]
        return not (column is None or convert or column == "custom" or name in self._looked_into)

    def _put_extras(self, extras: Record, row: Record) -> None:
        if not extras.keys() <= self._kept:
            self._kept.update(extras)
        if self._tells_extras:
            row["extra_attributes"] = extras

    def _put_rest(self, resource: Mapping[str, Any], extras: Record) -> None:
        """Keep what a resource should not have, but for what is withheld."""
        for name in ("attributes", "relationships"):
            value = resource.get(name)
            if value.__class__ is not dict and value is not None and not self._withheld:
                extras[name] = value
        if not resource.keys() <= _MEMBERS:
            for name in resource.keys() - _MEMBERS:
                if resource[name] is not None and name not in self._withheld:
                    extras.setdefault(name, self._withheld.rest_of(resource[name]))

    def _id_of(self, resource: Mapping[str, Any]) -> str:
        id_ = resource.get("id") if isinstance(resource, dict) else None
        if type(id_) is int:
            return str(id_)
        if not isinstance(id_, str) or not id_.strip():
            msg = (
                f"{self._shape.stream}: Kustomer sent a row without an id. The stream "
                "stopped, since such a row has no place in a table; report it to Kustomer."
            )
            raise StreamError(msg)
        return id_

    def _put_attributes(  # noqa: C901 - the hot loop: a call per branch would double its time
        self,
        attributes: Mapping[str, Any],
        row: Record,
        extras: Record,
    ) -> None:
        if self._shared:
            attributes = self._without_aliases(attributes, extras)
        steps = self._steps
        for name, value in attributes.items():
            try:
                column, plain, convert = steps[name]
            except KeyError:
                column, plain, convert = self._learn(name)
            if value.__class__ is plain:
                row[column] = value  # type: ignore[index]  # a plain type comes with a column
            elif value is None:
                continue
            elif convert is None:
                if column is None:
                    extras[name] = self._withheld.rest_of(value)
                elif column == "custom" and self._has_custom:
                    self._put_custom(value, row, extras)
            else:
                fitting = convert(value)
                if fitting is not MISFIT:
                    row[column] = fitting  # type: ignore[index]  # as does a conversion
                elif column not in self._shape.private and not is_masked(value):
                    extras[name] = value

    def _learn(self, name: str) -> _Step:
        """Note what becomes of an attribute. Raises ``_AliasFoundError``."""
        column = snake_case(name)
        schema = self._columns.get(column)
        step: _Step
        if column in _OURS or schema is None:
            step = (column if name in self._withheld else None, None, None)
        elif column not in self._shape.selected or column == "custom":
            step = (column, None, None)
        else:
            step = (column, plain_type(schema), converter(schema))
        self._steps[name] = step
        if step[0] is not None and self._names.setdefault(column, name) != name:
            self._shared.add(column)
            raise _AliasFoundError
        return step

    def _without_aliases(self, attributes: Mapping[str, Any], extras: Record) -> Record:
        """Return the attributes with one name per column; the values of others are extras."""
        result = dict(attributes)
        for column in self._shared:
            names = [
                name
                for name in attributes
                if attributes[name] is not None and snake_case(name) == column
            ]
            names.sort(key=lambda name: name != _camel_case(snake_case(name)))
            for name in names[1:]:
                value = result.pop(name)
                if column in self._shape.selected and column not in self._shape.private:
                    extras[name] = value
        return result


def _camel_case(column: str) -> str:
    first, *rest = column.split("_")
    return first + "".join(word.title() for word in rest)


def _klass_of(resource: Mapping[str, Any]) -> str | None:
    """Return the klass of a custom object: the resource's type is ``kobject.<klass>``."""
    prefix, _, klass = str(resource.get("type", "")).partition(".")
    return klass if prefix == "kobject" and klass else None


def _deleted_at(attributes: object, row: Record) -> str | None:
    if not isinstance(attributes, dict) or "deleted" not in attributes:
        return None
    if _to_boolean(attributes["deleted"]) is not True:
        return None
    for name in ("deletedAt", "updatedAt"):
        value = _to_moment(attributes.get(name))
        if value is not MISFIT:
            return str(value)
    return row.get("created_at")
