"""Support metrics worked out in plain Python from the rows of a simulated org.

Nothing here knows the models: rows are JSON:API resources as the org holds them, moments are unix
seconds, and every function returns what one model should hold, by its key.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulator import Org

    Row = dict[str, Any]
    Table = dict[Any, Row]

__all__ = ["Expected", "Observation", "moment"]

TWO_YEARS = 730 * 86_400.0  # search hands out no older time entries
DAY = dt.timedelta(days=1)
WAITING = ("open", "snoozed")


def moment(text: str | None) -> float | None:
    """Return unix seconds of an ISO date-time."""
    if text is None:
        return None
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def percentile(values: list[float], share: float) -> float | None:
    """Return a percentile, interpolated between the two nearest values."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def mean(values: list[float]) -> float | None:
    """Return the mean; null of nothing."""
    return sum(values) / len(values) if values else None


def between(earlier: float | None, later: float | None) -> float | None:
    """Return the seconds from one moment to the other; null when it would be negative."""
    if earlier is None or later is None or later < earlier:
        return None
    return later - earlier


def numbers(values: Iterable[float | None]) -> list[float]:
    """Return what is not null."""
    return [value for value in values if value is not None]


def related(row: Row, name: str) -> str | None:
    """Return the id of a to-one relationship."""
    data = (row.get("relationships", {}).get(name) or {}).get("data") or {}
    found: str | None = data.get("id")
    return found


def handle_seconds(entry: Row) -> float:
    """Return the time of an entry; the newer timer counts milliseconds."""
    spent: float = entry["handleTime"]
    return spent / 1000 if entry.get("timerVersion") == "v2" else spent


@dataclass(frozen=True)
class Observation:
    """What one reading of the conversations saw: status and whether excluded, by id."""

    read_at: float
    seen: Mapping[str, tuple[str, bool]]


@dataclass(frozen=True)
class Expected:
    """The metrics of an org, as seen at one moment, with the package's variables."""

    org: Org
    read_at: float
    timezone: str = "UTC"
    exclude: tuple[str, ...] = ("deleted", "spam", "merged")

    def rows(self, context: str) -> list[Row]:
        """Return the attributes of all rows, with ``id`` and the whole ``resource``."""
        return [
            {**row["attributes"], "id": row["id"], "resource": row}
            for row in self.org.rows(context)
        ]

    def day(self, seconds: float) -> str:
        """Return the day of a moment in the org's time zone."""
        zone = ZoneInfo(self.timezone)
        return dt.datetime.fromtimestamp(seconds, tz=zone).date().isoformat()

    def is_excluded(self, row: Row) -> bool:
        """Return whether no metric counts a conversation."""
        marks = {"deleted": "deleted", "spam": "spam", "merged": "mergedTarget"}
        return any(row.get(marks[kind]) is True for kind in self.exclude)

    def counted(self) -> list[Row]:
        """Return the conversations that metrics count."""
        return [row for row in self.rows("conversation") if not self.is_excluded(row)]

    def entries(self) -> list[Row]:
        """Return the time entries that search hands out."""
        edge = self.read_at - TWO_YEARS
        entries = self.rows("conversation_time")
        return [row for row in entries if (moment(row["createdAt"]) or 0) >= edge]

    def conversations(self) -> Table:
        """Return what is measured per conversation."""
        handled: dict[str | None, float] = defaultdict(float)
        for entry in self.entries():
            handled[related(entry["resource"], "conversation")] += handle_seconds(entry)
        return {row["id"]: self._measured(row, handled) for row in self.counted()}

    def _measured(self, row: Row, handled: Mapping[str | None, float]) -> Row:
        created = moment(row["createdAt"])
        asked = moment((row.get("firstMessageIn") or {}).get("sentAt"))
        response = row.get("firstResponse") or {}
        done = row.get("firstDone") or {}
        survey = row.get("satisfactionLevel") or {}
        wait = between(asked, moment(response.get("sentAt")))
        until_done = between(created, moment(done.get("createdAt")))
        assert created is not None
        was_done = (row.get("doneCount") or 0) > 0
        sent = moment(survey.get("sentAt"))
        return {
            "channel": self._channel(row),
            "direction": row["direction"],
            "asked": asked is not None,
            "created_day": self.day(created),
            "first_response_seconds": wait,
            "first_response_business_seconds": None
            if wait is None
            else response["businessTime"] / 1000,
            "first_resolution_seconds": until_done,
            "first_resolution_business_seconds": None
            if until_done is None
            else done["businessTime"] / 1000,
            "handle_seconds": handled.get(row["id"]),
            "was_done": was_done,
            "was_reopened": was_done and (row.get("reopenFromDoneCount") or 0) > 0,
            "survey_day": None if sent is None else self.day(sent),
            "survey_rating": survey.get("rating"),
            "survey_score": survey.get("score"),
        }

    @staticmethod
    def _channel(row: Row) -> str:
        begun = [
            (row.get(name) or {}).get("channel") for name in ("firstMessageIn", "firstMessageOut")
        ]
        found: str = next(one for one in (*begun, *(row.get("channels") or []), "unknown") if one)
        return found

    def grouped(self, day: str = "created_day") -> dict[tuple[str, str], list[Row]]:
        """Return the measured conversations by day and channel."""
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.conversations().values():
            if row[day] is not None:
                groups[row[day], row["channel"]].append(row)
        return groups

    def volume(self) -> Table:
        """Return `kustomer__conversations_by_day`."""
        return {
            key: {
                "conversations": len(rows),
                "inbound": sum(row["direction"] == "in" for row in rows),
                "outbound": sum(row["direction"] == "out" for row in rows),
            }
            for key, rows in self.grouped().items()
        }

    def durations(self, name: str, counts: Callable[[list[Row]], Row]) -> Table:
        """Return `<name>_by_day`, its own ``counts`` included."""
        table = {}
        for key, rows in self.grouped().items():
            calendar = numbers(row[f"{name}_seconds"] for row in rows)
            business = numbers(row[f"{name}_business_seconds"] for row in rows)
            table[key] = {
                **counts(rows),
                "mean_seconds": mean(calendar),
                "median_seconds": percentile(calendar, 0.5),
                "p90_seconds": percentile(calendar, 0.9),
                "mean_business_seconds": mean(business),
                "median_business_seconds": percentile(business, 0.5),
                "p90_business_seconds": percentile(business, 0.9),
            }
        return table

    def first_response(self) -> Table:
        """Return `kustomer__first_response_by_day`."""
        return self.durations(
            "first_response",
            lambda rows: {
                "asked": sum(row["asked"] for row in rows),
                "answered": len(numbers(row["first_response_seconds"] for row in rows)),
            },
        )

    def first_resolution(self) -> Table:
        """Return `kustomer__first_resolution_by_day`."""
        return self.durations(
            "first_resolution",
            lambda rows: {
                "conversations": len(rows),
                "resolved": len(numbers(row["first_resolution_seconds"] for row in rows)),
            },
        )

    def reopened(self) -> Table:
        """Return `kustomer__reopen_rate_by_day`."""
        table = {}
        for key, rows in self.grouped().items():
            done = sum(row["was_done"] for row in rows)
            again = sum(row["was_reopened"] for row in rows)
            table[key] = {
                "done": done,
                "reopened": again,
                "reopen_rate": again / done if done else None,
            }
        return table

    def csat(self) -> Table:
        """Return `kustomer__csat_by_day`."""
        table = {}
        for key, rows in self.grouped("survey_day").items():
            ratings = numbers(row["survey_rating"] for row in rows)
            scores = numbers(row["survey_score"] for row in rows)
            table[key] = {
                "sent": len(rows),
                "rated": len(ratings),
                "response_rate": len(ratings) / len(rows),
                "mean_rating": mean(ratings),
                "satisfied": scores.count(1),
                "csat": scores.count(1) / len(scores) if scores else None,
            }
        return table

    def handled(self) -> Table:
        """Return `kustomer__handle_time_by_day`."""
        conversations = self.conversations()
        groups: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
        for entry in self.entries():
            id_ = related(entry["resource"], "conversation")
            if id_ in conversations:
                began = moment(entry.get("handleAt") or entry["createdAt"])
                assert id_ is not None
                assert began is not None
                key = self.day(began), conversations[id_]["channel"]
                groups[key].append((id_, handle_seconds(entry)))
        return {
            key: {
                "entries": len(rows),
                "conversations": len({id_ for id_, _ in rows}),
                "handle_seconds": sum(seconds for _, seconds in rows),
                "seconds_per_conversation": sum(seconds for _, seconds in rows)
                / len({id_ for id_, _ in rows}),
            }
            for key, rows in groups.items()
        }

    def sla(self) -> Table:
        """Return `kustomer__sla_metrics`."""
        table = {}
        for row in self.counted():
            sla = row.get("sla") or {}
            matched = moment(sla.get("matchedAt") or row["createdAt"])
            assert matched is not None
            for metric, times in (sla.get("metrics") or {}).items():
                due, met = moment(times.get("breachAt")), moment(times.get("satisfiedAt"))
                if met is not None:
                    outcome = "met" if due is None or met <= due else "breached"
                else:
                    outcome = "breached" if due is not None and due < self.read_at else "pending"
                day = self.day(matched)
                table[row["id"], metric] = {"matched_day": day, "outcome": outcome}
        return table

    def breaches(self) -> Table:
        """Return `kustomer__sla_breach_by_metric`."""
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (_, metric), row in self.sla().items():
            groups[row["matched_day"], metric].append(row["outcome"])
        table = {}
        for key, outcomes in groups.items():
            decided = outcomes.count("met") + outcomes.count("breached")
            rate = outcomes.count("breached") / decided if decided else None
            counts = {kind: outcomes.count(kind) for kind in ("met", "breached", "pending")}
            table[key] = {"conversations": len(outcomes), **counts, "breach_rate": rate}
        return table

    def workload(self, whose: Callable[[Row], list[str]]) -> Table:
        """Return work by day and by whoever ``whose`` names for a message or a time entry."""
        counted = {row["id"] for row in self.counted()}
        sent: dict[tuple[str, str], list[str]] = defaultdict(list)
        spent: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
        for row in self.rows("message"):
            id_ = related(row["resource"], "conversation")
            counts = row["direction"] == "out" and not row.get("auto") and not row.get("deleted")
            if id_ in counted and counts:
                at = moment(row.get("sentAt") or row["createdAt"])
                assert at is not None
                for who in whose(row):
                    sent[self.day(at), who].append(str(id_))
        for row in self.entries():
            id_ = related(row["resource"], "conversation")
            if id_ in counted:
                at = moment(row.get("handleAt") or row["createdAt"])
                assert at is not None
                for who in whose(row):
                    spent[self.day(at), who].append((str(id_), handle_seconds(row)))
        return {
            key: {
                "messages_sent": len(sent.get(key, [])),
                "conversations_answered": len(set(sent.get(key, []))),
                "conversations_handled": len({id_ for id_, _ in spent.get(key, [])}),
                "handle_seconds": sum(seconds for _, seconds in spent.get(key, [])),
            }
            for key in {*sent, *spent}
        }

    def by_agent(self) -> Table:
        """Return `kustomer__workload_by_agent`."""
        return self.workload(lambda row: [who for who in [_author(row)] if who])

    def by_team(self) -> Table:
        """Return `kustomer__workload_by_team`."""
        return self.workload(lambda row: sorted(set(row.get("createdByTeams") or [])))

    def backlog_from_log(self) -> Table:
        """Return `kustomer__backlog_by_day_from_audit_logs` from the log alone."""
        logs = self.rows("audit_log")
        changes: dict[str, list[tuple[float, str | None, str]]] = defaultdict(list)
        for log in logs:
            status = (log["changes"].get("attributes") or {}).get("status")
            at = moment(log["createdAt"])
            assert at is not None
            if log["objectType"] == "conversation" and status and status["after"]:
                changes[log["objectId"]].append((at, status["before"], status["after"]))
        first = min(dt.date.fromisoformat(self.day(moment(log["createdAt"]) or 0)) for log in logs)
        last = dt.date.fromisoformat(self.day(self.read_at))
        table = {}
        day = first + DAY
        while day < last:
            found = []
            for row in self.counted():
                if self.day(moment(row["createdAt"]) or 0) <= day.isoformat():
                    logged = sorted(changes[row["id"]])
                    until = [one for one in logged if self.day(one[0]) <= day.isoformat()]
                    status = until[-1][2] if until else logged[0][1] if logged else row["status"]
                    found.append((status, bool(logged)))
            waiting = [one for one in found if one[0] in WAITING]
            table[day.isoformat()] = {
                "backlog": len(waiting),
                "open": sum(status == "open" for status, _ in waiting),
                "snoozed": sum(status == "snoozed" for status, _ in waiting),
                "backlog_without_logged_change": sum(not logged for _, logged in waiting),
            }
            day += DAY
        return table

    def backlog_from_snapshots(self, observations: list[Observation]) -> Table:
        """Return `kustomer__backlog_by_day_from_snapshots` from the readings."""
        table = {}
        day = dt.date.fromisoformat(self.day(observations[0].read_at))
        while day.isoformat() <= self.day(observations[-1].read_at):
            known = [one for one in observations if self.day(one.read_at) <= day.isoformat()]
            seen = [status for status, excluded in known[-1].seen.values() if not excluded]
            table[day.isoformat()] = {
                "backlog": sum(status in WAITING for status in seen),
                "open": seen.count("open"),
                "snoozed": seen.count("snoozed"),
            }
            day += DAY
        return table

    def observed(self) -> Observation:
        """Return what a reading sees now."""
        rows = self.rows("conversation")
        seen = {row["id"]: (row["status"], self.is_excluded(row)) for row in rows}
        return Observation(self.read_at, seen)

    def bridges(self) -> dict[str, set[tuple[Any, ...]]]:
        """Return every bridge as a set of its rows."""
        conversations, messages = self.rows("conversation"), self.rows("message")
        return {
            "kustomer__bridge_conversation_tag": _pairs(conversations, "tags"),
            "kustomer__bridge_conversation_user": _pairs(conversations, "assignedUsers"),
            "kustomer__bridge_conversation_team": _pairs(conversations, "assignedTeams"),
            "kustomer__bridge_team_member": _pairs(self.rows("team"), "members"),
            "kustomer__bridge_message_user": {
                (*pair, "assigned") for pair in _pairs(messages, "assignedUsers")
            }
            | {(row["id"], who, "author") for row in messages if (who := _author(row))},
            "kustomer__bridge_message_team": {
                (*pair, "assigned") for pair in _pairs(messages, "assignedTeams")
            }
            | {(*pair, "author") for pair in _pairs(messages, "createdByTeams")},
            "kustomer__bridge_customer_email": {
                (row["id"], one["email"].lower())
                for row in self.rows("customer")
                for name in ("emails", "sharedEmails")
                for one in row.get(name) or []
                if one.get("email")
            },
        }


def _pairs(rows: list[Row], name: str) -> set[tuple[Any, ...]]:
    return {(row["id"], one) for row in rows for one in row.get(name) or [] if one is not None}


def _author(row: Row) -> str | None:
    data = (row["resource"].get("relationships", {}).get("createdBy") or {}).get("data") or {}
    return data.get("id") if data.get("type") == "user" else None
