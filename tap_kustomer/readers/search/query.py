"""What a search asks for: pure values, and the JSON body they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Bounds", "SearchQuery"]


@dataclass(frozen=True)
class Bounds:
    """The time range of one search, both ends included; UTC text."""

    low: str
    high: str | None = None
    created_low: str | None = None  # with it, rows are sorted by their creation
    created_high: str | None = None
    without_creation: bool = False  # only rows that do not tell when they were created


@dataclass(frozen=True)
class SearchQuery:
    """What one search stream asks for, apart from the time range."""

    stream: str
    context: str  # Kustomer's queryContext
    attribute: str  # filtered and sorted by, such as customer_updated_at
    created_attribute: str | None = None  # separates rows of one timestamp
    field: str = "updatedAt"  # the row's attribute behind `attribute`
    include_deleted: bool = True
    archive: bool = False

    def body(self, bounds: Bounds) -> dict[str, Any]:
        """Return the JSON body of one search, rows in ascending order.

        Shape: ``{"queryContext": str, "and": [{attribute: {operator: time}}], "sort": [...]}``.
        One operator per criterion: several in one are documented nowhere.
        Source: https://developer.kustomer.com/kustomer-api-docs/reference/search
        """
        sort = self.attribute
        criteria: list[dict[str, Any]] = [{sort: {"gte": bounds.low}}]
        if bounds.high is not None:
            criteria.append({sort: {"lte": bounds.high}})
        if self.created_attribute and bounds.created_low is not None:
            sort = self.created_attribute
            criteria.append({sort: {"gte": bounds.created_low}})
            if bounds.created_high is not None:
                criteria.append({sort: {"lte": bounds.created_high}})
        elif self.created_attribute and bounds.without_creation:
            criteria.append({self.created_attribute: {"not_set": ""}})
        body: dict[str, Any] = {
            "queryContext": self.context,
            "and": criteria,
            "sort": [{sort: "asc"}],
            "timeZone": "GMT",
        }
        if self.include_deleted:
            body["includeDeleted"] = True
        return body
