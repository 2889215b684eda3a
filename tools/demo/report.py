"""Draw a one-page report from the models of `analytics/`: `python -m tools.demo.report DB PAGE`.

Runs in the environment of `analytics/requirements.txt`. The page is one file: its charts are
pictures inside it, and its own policy forbids the browser to ask anybody for anything.
"""

from __future__ import annotations

import base64
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import jinja2

from tools.demo import charts
from tools.demo import report_queries as queries

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt

    Rows = list[dict[str, Any]]

TEMPLATE = Path(__file__).with_name("report.html.jinja")
DAYS = 90  # of the figures and of most charts
WEEKS = 26  # of the weekly chart
FEW = 10  # answers, of which percentiles would say nothing
AGENTS = 12  # shown in the chart of agents
DURATIONS = {"p10", "p25", "median", "p75", "p90"}  # columns


@dataclass(frozen=True)
class Figure:
    """One picture of the page, what is said below it and the numbers that it shows."""

    title: str
    note: str
    chart: Callable[[int], alt.TopLevelMixin]
    """Draws it in a width."""

    columns: dict[str, str]
    """Which columns the table of numbers has: name in the rows, head in the table."""

    rows: Rows

    @property
    def picture(self) -> str:
        """Return the chart as an address that holds all of it."""
        return picture(self.chart(charts.WIDTH))

    @property
    def narrow(self) -> str:
        """Return the same for a phone: letters keep their size, bars do not."""
        return picture(self.chart(charts.NARROW))

    @property
    def table(self) -> list[list[str]]:
        """Return the numbers as text."""
        return [[shown(key, row[key]) for key in self.columns] for row in self.rows]


def picture(chart: alt.TopLevelMixin) -> str:
    """Return a chart as an address that holds all of it."""
    encoded = base64.b64encode(charts.drawn(chart).encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}"


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    """Return what a query answers, a dictionary per row."""
    result = connection.execute(sql)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def duration(seconds: float | None) -> str:
    """Return ``seconds`` for people: ``45 s``, ``12 min``, ``3.4 h``, ``2.1 d``."""
    if seconds is None:
        return "none"
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} d"


def percent(share: float | None) -> str:
    """Return a share of 1 for people."""
    return "none" if share is None else f"{share:.0%}"


def counted(number: float | None) -> str:
    """Return a number of things for people."""
    return f"{round(number or 0):,}"


def shown(key: str, value: Any) -> str:
    """Return a value for a table."""
    if key == "share":
        return percent(value)
    if key in DURATIONS:
        return duration(value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def key_figures(connection: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    """Return the key figures, each with what it rests on and its value in the period before."""
    found = {(row["figure"], row["recent"]): row for row in ask(connection, queries.FIGURES)}
    figures: list[tuple[str, str, Callable[[Any], str], str]] = [
        ("conversations", "Conversations", counted, ""),
        ("response", "First response by a person, median", duration, "answered"),
        ("resolution", "Full resolution, median", duration, "closed"),
        ("csat", "CSAT", percent, "scores"),
        ("breached", "SLA metrics breached", percent, "decided"),
        ("reopened", "Reopened", percent, "done"),
    ]
    nothing = {"value": None, "n": 0}
    shown = []
    for key, name, show, unit in figures:
        now, then = (found.get((key, recent), nothing) for recent in (True, False))
        shown.append(
            {
                "name": name,
                "value": show(now["value"]),
                "n": f"of {counted(now['n'])} {unit}" if unit else "",
                "trend": trend(now["value"], then["value"], points=show is percent),
                "before": show(then["value"]),
                "before_n": f" of {counted(then['n'])}" if unit else "",
            }
        )
    return shown


def trend(now: float | None, then: float | None, *, points: bool) -> str:
    """Return how a figure moved, in words that need no colour; shares move by points."""
    if now is None or then is None or not (points or then):
        return "no comparison"
    change = (now - then) * 100 if points else (now / then - 1) * 100
    if round(change) == 0:
        return "unchanged"
    arrow = "\N{BLACK UP-POINTING TRIANGLE}" if change > 0 else "\N{BLACK DOWN-POINTING TRIANGLE}"
    size = round(abs(change))
    unit = ("point" if size == 1 else "points") if points else "%"
    return f"{arrow} {size} {unit}"


def at_equal_mix(connection: duckdb.DuckDBPyConnection) -> float | None:
    """Return the median first response if channels had the shares of the period before."""
    rows = ask(connection, queries.MIX)
    shares: dict[tuple[bool, str], int] = Counter((row["recent"], row["channel"]) for row in rows)
    totals = Counter(row["recent"] for row in rows)
    weighted = sorted(
        (
            row["seconds"],
            shares[False, row["channel"]] / totals[False] / shares[True, row["channel"]],
        )
        for row in rows
        if row["recent"] and totals[False]
    )
    half, passed = sum(weight for _, weight in weighted) / 2, 0.0
    for seconds, weight in weighted:
        passed += weight
        if passed >= half:
            return float(seconds)
    return None


def responses(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how long customers wait."""
    asked = ask(connection, queries.RESPONSES)
    spread = ("p10", "p25", "p75", "p90")
    rows = [
        {
            **row,
            **(dict.fromkeys(spread) if row["count"] < FEW else {}),
            "label": f"{duration(row['median'])} ({row['count']:,})",
        }
        for row in asked
    ]
    equal = at_equal_mix(connection)
    mix = (
        f" The median of all channels moves with their mix: at the mix of the {DAYS} days before "
        f"it would be {duration(equal)}."
    )
    return Figure(
        "How long customers wait for a first response",
        f"By a person, around the clock, last {DAYS} days. Line: 10 to 90 % of the answered "
        "conversations; box: the middle half; mark: the median (of how many). Of fewer than "
        f"{FEW} the median alone. Who still waits is not among them."
        f"{mix if equal is not None else ''}",
        partial(charts.spread, rows),
        {
            "name": "channel",
            "count": "answered",
            "p10": "10 % within",
            "median": "median",
            "p90": "90 % within",
        },
        rows,
    )


def waiting(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return who has no answer yet."""
    asked = ask(connection, queries.WAITING)
    rows = [{**r, "label": f"{r['count']:,}, {r['never']:,} never answered"} for r in asked]
    longest = max((row["longest"] for row in asked), default=None)
    return Figure(
        "Who waits now",
        "Conversations that are not done and whose customer waits for an answer, by how long, at "
        f"the moment of the reading. The longest: {duration(longest)}.",
        partial(charts.counts, rows, "conversations"),
        {"name": "waiting for", "count": "conversations", "never": "never answered by a person"},
        rows,
    )


def volume(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how many conversations began."""
    rows = ask(connection, queries.VOLUME)
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["name"]] = totals.get(row["name"], 0) + row["count"]
    order = sorted(totals, key=lambda name: (-totals[name], name))
    placed = [{**row, "place": order.index(row["name"])} for row in rows]
    return Figure(
        "Conversations per week by channel",
        f"By the week they were created, Monday to Sunday; the last {WEEKS} whole weeks.",
        partial(charts.weekly, placed, order),
        {"name": "channel", "count": f"conversations in {WEEKS} weeks"},
        [{"name": name, "count": totals[name]} for name in order],
    )


def agreements(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how SLAs ended, with one label per bar and in the order of the legend."""
    places = {name: place for place, name in enumerate(charts.OUTCOMES)}
    seen: set[str] = set()
    rows: Rows = []
    for row in ask(connection, queries.AGREEMENTS):
        numbers = {key: int(row[key] or 0) for key in ("count", "total", "breached", "decided")}
        rate = numbers["breached"] / numbers["decided"] if numbers["decided"] else None
        label = "" if row["name"] in seen else f"{percent(rate)} breached"
        seen.add(row["name"])
        rows.append({**row, **numbers, "place": places[row["outcome"]], "label": label})
    return Figure(
        "SLA outcomes by metric",
        f"SLAs matched in the last {DAYS} days. The rate is breached / (met + breached); "
        "pending ones are not counted in it.",
        partial(charts.outcomes, rows),
        {"name": "metric · channel", "outcome": "outcome", "count": "conversations"},
        rows,
    )


def satisfaction(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how content customers were."""
    return share(
        "Customer satisfaction (CSAT)",
        f"Satisfied / scored, by the day the survey was sent, last {DAYS} days, as in the figure "
        "above. Which ratings count as satisfied is Kustomer's reduction of the rating to 0 or 1, "
        "unconfirmed; ratings without a score are not counted. Few scores: large chance.",
        ask(connection, queries.SATISFACTION),
        "scores",
    )


def reopened(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how many came back."""
    return share(
        "Reopened conversations",
        f"Reopened at least once / done at least once, created in the last {DAYS} days. Recent "
        "conversations may still be reopened.",
        ask(connection, queries.REOPENED),
        "done",
    )


def share(title: str, note: str, asked: Rows, unit: str) -> Figure:
    """Return a figure of one share per channel."""
    rows = [{**r, "label": f"{percent(r['share'])} of {r['count']:,} {unit}"} for r in asked]
    chart = partial(charts.bars, rows, f"share of the {unit}")
    return Figure(title, note, chart, {"name": "channel", "share": "share", "count": unit}, rows)


def workload(connection: duckdb.DuckDBPyConnection, who: str, model: str, note: str) -> Figure:
    """Return who did how much; ``who`` is what the columns of the model begin with."""
    sql = queries.WORKLOAD.format(model=model, name=f"{who}_name", id=f"{who}_id", limit=AGENTS)
    rows = ask(connection, sql)
    return Figure(
        model.removeprefix("kustomer__").capitalize().replace("_", " "),
        f"Last {DAYS} days, people only: no machine users, no automation, nothing that failed. "
        f"{note} Hours handled: unit unconfirmed.",
        partial(charts.workload, rows),
        {"name": "name", "messages": "messages sent", "hours": "hours handled"},
        rows,
    )


def all_figures(connection: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Return every figure of the page that there are rows for."""
    figures = [
        responses(connection),
        waiting(connection),
        volume(connection),
        agreements(connection),
        satisfaction(connection),
        workload(
            connection,
            "user",
            "kustomer__workload_by_agent",
            f"The {AGENTS} who sent most. No measure of performance.",
        ),
        reopened(connection),
        workload(
            connection,
            "team",
            "kustomer__workload_by_team",
            "By the teams that the writer was in then; who is in two counts in both.",
        ),
    ]
    return [one for one in figures if one.rows]


def write(database: Path, page: Path) -> None:
    """Write the report on the analytics in ``database`` to ``page``."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set variable days = ?", [DAYS])
        connection.execute("set variable weeks = ?", [WEEKS])
        connection.execute(queries.PERIOD)
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
        html: str = template.render(
            days=DAYS,
            period=ask(connection, "select * from period")[0],
            figures=key_figures(connection),
            charts=all_figures(connection),
            units=ask(connection, queries.UNITS)[0],
        )
    page.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
