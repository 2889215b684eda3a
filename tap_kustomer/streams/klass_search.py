"""The search of one klass's objects: its forms, of which the last shows those of all klasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from singer_sdk import Tap
from typing_extensions import override

from tap_kustomer.org import Klass
from tap_kustomer.readers.negotiation import Form
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.session import Session
from tap_kustomer.streams.search import SearchStream, form_name

__all__ = ["KlassSearch", "is_of_all", "klass_of"]

_SHARED = "split by klass"  # the form in which the objects of all klasses are read together


class KlassSearch(SearchStream):
    """A search of the objects of one klass.

    Which attribute the search of a klass takes is UNCONFIRMED (klass-attribute). Where it takes
    none, the context ``kobject`` has the objects of all klasses.
    """

    schema_name = "kobjects"
    resource = "kobject"
    assumption = "klass-attribute"

    def __init__(
        self, tap: Tap, session: Session, schema: dict[str, Any], name: str, klass: Klass
    ) -> None:
        """Make the stream of ``klass``."""
        super().__init__(tap, session, schema, name)
        self.klass = klass

    @property
    def own_context(self) -> str:
        """The context of the klass's own search."""
        return f"kobject_{self.klass.name}"

    @property
    @override
    def known_state(self) -> Mapping[str, Any]:
        """The klass's part of the state, not that of a klass whose name it took over."""
        known = super().known_state
        return known if known.get("klass_id") in {None, self.klass.id} else {}

    def remember_klass(self) -> None:
        """Note whose rows the state speaks of, before the first is written."""
        if self.state.get("klass_id") not in {None, self.klass.id}:
            self.logger.warning(
                "%s: the klass that had this name is gone and the klass %s has it now, so the "
                "stream is read from its start. The column `klass` tells the rows of both apart; "
                "to have one only, delete those of the other from the table.",
                self.name,
                self.klass.name,
            )
            self.state.update(dict.fromkeys(self.state))  # null: merged states keep missing keys
        self.state["klass_id"] = self.klass.id

    # ------------------------------------------------------------ which form of query

    @override
    def queries(self, remembered: object) -> Iterator[SearchQuery]:
        """Yield the two forms that are documented for a klass.

        Where no earlier run found out which one works, the org's search schema says it.
        """
        context = self.own_context
        both = [self.query(context, "kobject"), self.query(context, context)]
        if remembered is None:
            first, *_ = self.session.search_schema.sorted([one.attribute for one in both])
            both.sort(key=lambda one: one.attribute != first)
        yield from both

    @override
    def is_as_assumed(self, query: SearchQuery) -> bool:
        return not is_of_all(query) and query.attribute == "kobject_updated_at"

    @override
    def form_in_words(self, form: Form[SearchQuery | None]) -> str:
        if form.query is not None and is_of_all(form.query):
            return "one search, split by klass"
        return "`kobject_<klass>_updated_at` works"

    @override
    def forms(self, remembered: object) -> list[Form[SearchQuery | None]]:
        single: list[Form[SearchQuery | None]] = [
            Form(form_name(query.attribute, query), query) for query in self.queries(remembered)
        ]
        query = self.query("kobject", "kobject")
        shared: list[Form[SearchQuery | None]] = [Form(form_name(_SHARED, query), query, rank=1)]
        if self.session.shared.are_used and self.may_share(remembered):
            return [*shared, *self.without_deleted(shared)]
        return [*single, *shared, *self.without_deleted(single), *self.without_deleted(shared)]

    def may_share(self, remembered: object) -> bool:
        """Whether no search of the klass alone, the better form, is ``remembered``."""
        return remembered is None or str(remembered).startswith(_SHARED)

    @override
    def owns(self, resource: dict[str, Any], query: SearchQuery) -> bool:
        return not is_of_all(query) or klass_of(resource) == self.klass.name


def is_of_all(query: SearchQuery) -> bool:
    """Whether a search finds the objects of all klasses."""
    return query.context == "kobject"


def klass_of(resource: dict[str, Any]) -> str:
    """Return the klass of a custom object."""
    return str(resource.get("type", "")).removeprefix("kobject.")
