"""What the report asks of the models: DuckDB's SQL, each answer with the columns of its chart.

The variables `days` and `weeks` say how far back a question looks. The schema is `analytics`.
"""

from __future__ import annotations

__all__ = [
    "AGREEMENTS",
    "FIGURES",
    "MIX",
    "PERIOD",
    "REOPENED",
    "RESPONSES",
    "SATISFACTION",
    "UNITS",
    "VOLUME",
    "WAITING",
    "WORKLOAD",
]

# The days that count end with the last whole one before the org was read, never with today: the
# day of the reading is known in part.
PERIOD = """
create temp view period as
select
    max(read_at) as read_at,
    cast(max(read_at) as date) - 1 as last_day,
    last_day - getvariable('days') + 1 as first_day,
    last_day - 2 * getvariable('days') + 1 as earlier_day,
    cast(date_trunc('week', max(read_at)) as date) as this_week
from analytics.stg_kustomer__last_read
"""

# One row per key figure and period: what it is and the number it rests on.
FIGURES = """
with created as (
    select *, created_day >= first_day as recent
    from analytics.kustomer__conversation_metrics, period
    where created_day between earlier_day and last_day and not imported
),

closed as (
    select *, closed_day >= first_day as recent
    from analytics.kustomer__conversation_metrics, period
    where closed_day between earlier_day and last_day
),

surveyed as (
    select *, day >= first_day as recent
    from analytics.kustomer__csat_by_day, period
    where day between earlier_day and last_day
),

agreed as (
    select *, matched_day >= first_day as recent
    from analytics.kustomer__sla_metrics, period
    where matched_day between earlier_day and last_day and outcome <> 'pending'
)

select 'conversations' as figure, recent, count(*) as value, count(*) as n
from created group by recent
union all
select 'response', recent, median(first_response_seconds), count(first_response_seconds)
from created group by recent
union all
select 'resolution', recent, median(full_resolution_seconds), count(full_resolution_seconds)
from closed group by recent
union all
select 'csat', recent, sum(satisfied) / nullif(sum(scored), 0), sum(scored)
from surveyed group by recent
union all
select 'breached', recent, avg((outcome = 'breached')::int), count(*)
from agreed group by recent
union all
select 'reopened', recent, avg(was_reopened::int) filter (was_done), count(*) filter (was_done)
from created group by recent
"""

# Each duration of both periods, for a median at an equal mix of channels.
MIX = """
select created_day >= first_day as recent, channel, first_response_seconds as seconds
from analytics.kustomer__conversation_metrics, period
where created_day between earlier_day and last_day and first_response_seconds is not null
"""

WAITING = """
with aged as (
    select
        case
            when waiting_seconds < 3600 then 'under 1 h'
            when waiting_seconds < 8 * 3600 then '1 to 8 h'
            when waiting_seconds < 86400 then '8 to 24 h'
            when waiting_seconds < 3 * 86400 then '1 to 3 d'
            when waiting_seconds < 7 * 86400 then '3 to 7 d'
            when waiting_seconds < 30 * 86400 then '7 to 30 d'
            else 'over 30 d'
        end as name,
        waiting_seconds,
        never_answered
    from analytics.kustomer__waiting_now
)

select
    name,
    count(*) as count,
    count(*) filter (never_answered) as never,
    max(waiting_seconds) as longest,
    min(waiting_seconds) as place
from aged
group by name
order by place
"""

RESPONSES = """
select
    channel as name,
    count(first_response_seconds) as count,
    quantile_cont(first_response_seconds, 0.1) as p10,
    quantile_cont(first_response_seconds, 0.25) as p25,
    median(first_response_seconds) as median,
    quantile_cont(first_response_seconds, 0.75) as p75,
    quantile_cont(first_response_seconds, 0.9) as p90
from analytics.kustomer__conversation_metrics, period
where created_day between first_day and last_day and first_response_seconds > 0
group by channel
order by count desc, channel
"""

VOLUME = """
select
    strftime(date_trunc('week', day), '%Y-%m-%d') as week,
    channel as name,
    sum(conversations)::int as count
from analytics.kustomer__conversations_by_day, period
where day >= this_week - 7 * getvariable('weeks') and day < this_week
group by all
order by week, name
"""

SATISFACTION = """
select channel as name, sum(satisfied) / nullif(sum(scored), 0) as share, sum(scored)::int as count
from analytics.kustomer__csat_by_day, period
where day between first_day and last_day
group by channel
having sum(scored) > 0
order by count desc, name
"""

AGREEMENTS = """
select
    metric || ' · ' || channel as name,
    outcome,
    count(*) as count,
    sum(count(*)) over (partition by metric, channel) as total,
    sum(count(*) filter (outcome = 'breached')) over (partition by metric, channel) as breached,
    sum(count(*) filter (outcome <> 'pending')) over (partition by metric, channel) as decided
from analytics.kustomer__sla_metrics, period
where matched_day between first_day and last_day
group by metric, channel, outcome
order by metric, total desc, name, outcome
"""

REOPENED = """
select channel as name, sum(reopened) / nullif(sum(done), 0) as share, sum(done)::int as count
from analytics.kustomer__reopen_rate_by_day, period
where day between first_day and last_day
group by channel
having sum(done) > 0
order by count desc, name
"""

WORKLOAD = """
with summed as (
    select
        coalesce({name}, 'unknown') as name,
        {id} as id,
        sum(messages_sent)::int as messages,
        round(sum(handle_seconds) / 3600, 1) as hours
    from analytics.{model}, period
    where day between first_day and last_day
    group by {id}, {name}
)

-- Two of one name are told apart by the end of their ids.
select
    case when count(*) over (partition by name) > 1 then name || ' …' || right(id, 4) else name end
        as name,
    messages,
    hours
from summed
order by messages desc, name
limit {limit}
"""

UNITS = """
select
    coalesce(bool_and(agrees), false) as proven,
    string_agg(distinct likely_unit) as unit,
    max(rows_compared) as compared
from analytics.kustomer__unit_check
"""
