"""The report's charts: rows in, SVG out. Colours that colour-blind readers can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

if TYPE_CHECKING:
    from collections.abc import Sequence

    Rows = Sequence[dict[str, Any]]

__all__ = [
    "NARROW",
    "WIDTH",
    "bars",
    "counts",
    "drawn",
    "outcomes",
    "spread",
    "weekly",
    "workload",
]

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, QUIET, GRID = "#1f2933", "#52606d", "#d9e0e7"
BLUE = "#0072b2"
# Each is as dark as no other, so that they differ in grey, too; dark and light take turns.
PALETTE = ["#0072b2", "#f0b93a", "#43207a", "#f3d3e4", "#1f9e77", "#7fa8c9", "#1f1f1f"]
OUTCOMES = {"met": "#9fc8e4", "breached": "#b34700", "pending": "#e9edf1"}
WIDTH = 540  # of a picture, names and legends included, in pixels
NARROW = 330  # the same on a phone
ROW = 30  # height of a row of a chart with one row per name
HALF = 0.5

# Ticks of a time axis from seconds to days, in the order of magnitude of each.
TICKS = [1, 10, 60, 600, 3600, 6 * 3600, 86_400, 4 * 86_400]
DURATION = (
    "datum.value < 60 ? datum.value + ' s' : datum.value < 3600 ? datum.value / 60 + ' min'"
    " : datum.value < 86400 ? datum.value / 3600 + ' h' : datum.value / 86400 + ' d'"
)


def drawn(chart: alt.TopLevelMixin) -> str:
    """Return the chart as SVG, drawn here: nothing is fetched, neither now nor by who looks."""
    svg: str = vl_convert.vegalite_to_svg(styled(chart).to_dict())
    return svg


def styled(chart: alt.TopLevelMixin) -> Any:
    """Return the chart in the report's looks."""
    return (
        chart.configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=QUIET,
            titleColor=QUIET,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            gridColor=GRID,
            domain=False,
            tickColor=GRID,
            labelLimit=220,
            labelPadding=6,
        )
        .configure_legend(
            orient="top",
            title=None,
            labelColor=INK,
            labelFontSize=12,
            symbolType="square",
            symbolStrokeWidth=0,
            columns=4,
            columnPadding=14,
            offset=6,
        )
        .configure_header(labelColor=INK, labelFontSize=12, title=None, labelFontWeight="bold")
    )


def fitted(chart: Any, width: int, height: int) -> Any:
    """Return the chart in the width of the picture, whatever its names need of it."""
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    # A browser's letters may be wider than those that were measured here.
    room = {"left": 18, "top": 5, "right": 5, "bottom": 5}
    return chart.properties(width=width, height=height, autosize=fit, padding=room)


def beside(width: int) -> float:
    """Return how much longer than its longest bar an axis is, for a label beside the bar."""
    return 1.4 if width == WIDTH else 2.4


def rows_of(rows: Rows) -> alt.Data:
    """Return rows as Altair takes them: without a data frame."""
    return alt.Data(values=list(rows))


def names(field: str, order: Sequence[str]) -> alt.Y:
    """Return an axis of names from top to bottom."""
    return alt.Y(f"{field}:N", sort=list(order), title=None, axis=alt.Axis(ticks=False))


def spread(rows: Rows, width: int) -> alt.LayerChart:
    """Draw how a duration is spread by name: `name`, `p10`, `p25`, `median`, `p75`, `p90`."""
    order = [row["name"] for row in rows]
    scale = alt.Scale(type="log", nice=False, padding=12)
    axis = alt.Axis(values=TICKS, labelExpr=DURATION)
    base = alt.Chart(rows_of(rows)).encode(y=names("name", order))
    whole = base.mark_rule(color=BLUE, strokeWidth=2).encode(
        x=alt.X("p10:Q", scale=scale, axis=axis, title="time until the first response (log scale)"),
        x2="p90:Q",
    )
    middle = base.mark_bar(color="#9fc8e4", height=14).encode(x="p25:Q", x2="p75:Q")
    median = base.mark_tick(color=INK, thickness=3, height=18).encode(x="median:Q")
    label = base.mark_text(align="center", dy=-15, fontSize=11, color=INK).encode(
        x="median:Q", text="label:N"
    )
    return fitted(whole + middle + median + label, width, (ROW + 14) * len(rows) + 50)


def weekly(rows: Rows, order: Sequence[str], width: int) -> alt.Chart:
    """Draw counts per week, stacked by name: `week`, `name`, `count`, `place` in the stack."""
    chart = (
        alt.Chart(rows_of(rows))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X(
                "week:O",
                title="week beginning",
                axis=alt.Axis(
                    labelAngle=0,
                    labelOverlap=True,
                    labelSeparation=12,
                    labelExpr="utcFormat(utcParse(datum.value, '%Y-%m-%d'), '%d %b')",
                ),
            ),
            y=alt.Y("sum(count):Q", title="conversations", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "name:N", sort=list(order), scale=alt.Scale(domain=list(order), range=PALETTE)
            ),
            order=alt.Order("place:Q"),
        )
    )
    return fitted(chart, width, 290)


def bars(rows: Rows, title: str, width: int) -> alt.LayerChart:
    """Draw one share per name: `name`, `share` (0 to 1), `label` beside the bar."""
    order = [row["name"] for row in rows]
    highest = max([row["share"] or 0 for row in rows] + [0.1])
    values = [0, 0.25, 0.5, 0.75, 1] if highest > HALF else alt.Undefined
    base = alt.Chart(rows_of(rows)).encode(y=names("name", order))
    x = alt.X(
        "share:Q",
        title=title,
        # Room for the label beside the longest bar.
        scale=alt.Scale(domain=[0, highest * beside(width)], nice=False),
        axis=alt.Axis(format="%", tickCount=4, values=values),
    )
    bar = base.mark_bar(color=BLUE, height=16).encode(x=x)
    label = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(x=x, text="label:N")
    return fitted(bar + label, width, ROW * len(rows) + 50)


def counts(rows: Rows, title: str, width: int) -> alt.LayerChart:
    """Draw one count per name, in the order given: `name`, `count`, `label` beside the bar."""
    base = alt.Chart(rows_of(rows)).encode(y=names("name", [row["name"] for row in rows]))
    most = max([row["count"] for row in rows] + [1])
    x = alt.X(
        "count:Q",
        title=title,
        scale=alt.Scale(domain=[0, most * beside(width)], nice=False),
        axis=alt.Axis(tickMinStep=1, tickCount=4),
    )
    bar = base.mark_bar(color=BLUE, height=16).encode(x=x)
    label = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(x=x, text="label:N")
    return fitted(bar + label, width, ROW * len(rows) + 50)


def outcomes(rows: Rows, width: int) -> alt.LayerChart:
    """Draw how SLAs ended, per name: `name`, `outcome`, `count`, `place`, `label` on the first."""
    order = list(dict.fromkeys(row["name"] for row in rows))
    labels = [row for row in rows if row["label"]]
    bar = (
        alt.Chart(rows_of(rows))
        .mark_bar(height=16, stroke="#52606d", strokeWidth=0.5)
        .encode(
            y=names("name", order),
            x=alt.X(
                "count:Q",
                title="conversations",
                axis=alt.Axis(tickMinStep=1, tickCount=6),
                scale=alt.Scale(
                    domain=[0, max([row["total"] for row in rows] + [1]) * beside(width)],
                    nice=False,
                ),
            ),
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=list(OUTCOMES), range=list(OUTCOMES.values())),
                # Beside long names there is not room for all three in one line of a phone.
                legend=alt.Legend(columns=len(OUTCOMES) if width == WIDTH else 2),
            ),
            order=alt.Order("place:Q"),
        )
    )
    label = (
        alt.Chart(rows_of(labels))
        .mark_text(align="left", dx=6, fontSize=12, color=INK)
        .encode(y=names("name", order), x="total:Q", text="label:N")
    )
    return fitted(bar + label, width, ROW * len(order) + 80)


def workload(rows: Rows, width: int) -> alt.HConcatChart:
    """Draw two measures side by side per name: `name`, `messages`, `hours`."""
    order = [row["name"] for row in rows]
    panels = []
    for field, title, colour in (
        ("messages", "messages sent", BLUE),
        ("hours", "hours handled", "#009e73"),
    ):
        axis = alt.Axis(ticks=False, labels=field == "messages")
        base = alt.Chart(rows_of(rows)).encode(y=alt.Y("name:N", sort=order, title=None, axis=axis))
        x = alt.X(
            f"{field}:Q",
            title=title,
            axis=alt.Axis(tickCount=3),
            scale=alt.Scale(domainMin=0, domainMax=max([row[field] for row in rows] + [1]) * 1.2),
        )
        bar = base.mark_bar(color=colour, height=14).encode(x=x)
        text = alt.Text(f"{field}:Q", format=",.0f" if field == "messages" else ",.1f")
        label = base.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(x=x, text=text)
        panels.append((bar + label).properties(width=(width - 170) // 2, height=24 * len(rows)))
    # Names take what is left of the width.
    return alt.hconcat(
        *panels, spacing=18, padding={"left": 18, "right": 12, "bottom": 8, "top": 5}
    )
