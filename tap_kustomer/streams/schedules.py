"""The list of schedules, each with its holidays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from typing_extensions import override

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import NotFoundError, RequestRefusedError
from tap_kustomer.readers.list_page import ListPage, attributes_of
from tap_kustomer.streams.lists import ListStream

__all__ = ["Schedules"]


class Schedules(ListStream):
    """One row per business schedule. Its holidays come only with the schedule asked for by id."""

    name = "schedules"
    paths = ("/v1/schedules",)
    roles = ("org.permission.schedule.read", "org.user.schedule.read", "org.admin.schedule.read")

    @override
    def completed(self, page: ListPage) -> ListPage:
        """Return the schedules with their holidays, one request for each."""
        if not self.selects("holidays"):
            return page
        return replace(page, rows=list(map(self._with_holidays, page.rows)))

    def _with_holidays(self, schedule: dict[str, Any]) -> dict[str, Any]:
        request = Request(f"/v1/schedules/{schedule.get('id')}", {"include": "holidays"})
        try:
            page = self.client.fetch(request, ListPage.parse)
        except NotFoundError:
            return schedule  # deleted since the list was read
        except RequestRefusedError as error:
            self.logger.warning("schedules: holidays could not be read: %s", error)
            return schedule
        holidays = [
            {"id": one.get("id"), **attributes_of(one)}
            for one in page.included
            if one.get("type") == "holiday"
        ]
        return {**schedule, "attributes": {**attributes_of(schedule), "holidays": holidays}}
