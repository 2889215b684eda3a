"""Draw a one-page report from the models of `analytics/`: `python -m tools.demo.report DB PAGE`.

Runs in the environment of `analytics/requirements.txt`. The page is one file: its charts are
pictures inside it, and its own policy forbids the browser to ask anybody for anything.
"""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass
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
AGENTS = 12  # shown in the chart of agents
DURATIONS = {"p10", "p25", "median", "p75", "p90"}  # columns


@dataclass(frozen=True)
class Figure:
    """One picture of the page, what is said below it and the numbers that it shows."""

    title: str
    note: str
    chart: alt.TopLevelMixin
    columns: dict[str, str]
    """Which columns the table of numbers has: name in the rows, head in the table."""

    rows: Rows
    tall: bool = False
    """Whether it stands beside two others."""

    @property
    def picture(self) -> str:
        """Return the chart as an address that holds all of it."""
        encoded = base64.b64encode(charts.drawn(self.chart).encode()).decode()
        return f"data:image/svg+xml;base64,{encoded}"

    @property
    def table(self) -> list[list[str]]:
        """Return the numbers as text."""
        return [[shown(key, row[key]) for key in self.columns] for row in self.rows]


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


def counted(number: int | None) -> str:
    """Return a number of things for people."""
    return f"{number or 0:,}"


def shown(key: str, value: Any) -> str:  # noqa: ANN401  # whatever a query answers
    """Return a value for a table."""
    if key == "share":
        return percent(value)
    if key in DURATIONS:
        return duration(value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def key_figures(connection: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    """Return the key figures, each with its value in the period before."""
    rows = ask(connection, queries.FIGURES)
    now: dict[str, Any] = next((row for row in rows if row["recent"]), {})
    then: dict[str, Any] = next((row for row in rows if not row["recent"]), {})
    figures: list[tuple[str, str, Callable[[Any], str]]] = [
        ("conversations", "Conversations", counted),
        ("response", "First response, median", duration),
        ("resolution", "First resolution, median", duration),
        ("csat", "CSAT", percent),
        ("breached", "SLA breached", percent),
        ("reopened", "Reopened", percent),
    ]
    return [
        {"name": name, "value": show(now.get(key)), "before": show(then.get(key))}
        for key, name, show in figures
    ]


def responses(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how long customers wait."""
    asked = ask(connection, queries.RESPONSES)
    rows = [{**row, "label": duration(row["median"])} for row in asked]
    return Figure(
        "How long customers wait for a first response",
        f"Calendar time, last {DAYS} days. Line: 10 to 90 % of the answered conversations; "
        "box: the middle half; mark: the median. Who still waits is not counted.",
        charts.spread(rows),
        {
            "name": "channel",
            "count": "answered",
            "p10": "10 % within",
            "median": "median",
            "p90": "90 % within",
        },
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
        charts.weekly(placed, order),
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
        charts.outcomes(rows),
        {"name": "metric · channel", "outcome": "outcome", "count": "conversations"},
        rows,
    )


def satisfaction(connection: duckdb.DuckDBPyConnection) -> Figure:
    """Return how content customers were."""
    return share(
        "Customer satisfaction (CSAT)",
        "Satisfied / rated, by the day the survey was sent, last 365 days. Which ratings count as "
        "satisfied is Kustomer's reduction of the rating to 0 or 1, unconfirmed. Few ratings: "
        "large chance.",
        ask(connection, queries.SATISFACTION),
        "ratings",
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
    chart = charts.bars(rows, f"share of the {unit}")
    return Figure(title, note, chart, {"name": "channel", "share": "share", "count": unit}, rows)


def workload(connection: duckdb.DuckDBPyConnection, who: str, model: str, note: str) -> Figure:
    """Return who did how much; ``who`` is what the columns of the model begin with."""
    sql = queries.WORKLOAD.format(model=model, name=f"{who}_name", id=f"{who}_id", limit=AGENTS)
    rows = ask(connection, sql)
    return Figure(
        model.removeprefix("kustomer__").capitalize().replace("_", " "),
        f"Last {DAYS} days, without automation. {note} Hours handled: unit unconfirmed.",
        charts.workload(rows),
        {"name": "name", "messages": "messages sent", "hours": "hours handled"},
        rows,
        tall=who == "user",
    )


def all_figures(connection: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Return every figure of the page that there are rows for."""
    figures = [
        responses(connection),
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
