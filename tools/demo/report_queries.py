"""What the report asks of the models: DuckDB's SQL, each answer with the columns of its chart.

The variables `days` and `weeks` say how far back a question looks. The schema is `analytics`.
"""

from __future__ import annotations

__all__ = [
    "AGREEMENTS",
    "FIGURES",
    "PERIOD",
    "REOPENED",
    "RESPONSES",
    "SATISFACTION",
    "UNITS",
    "VOLUME",
    "WORKLOAD",
]

# The days that count end with the day up to which the org was read, never with today.
PERIOD = """
create temp view period as
select
    cast(read_at as date) as last_day,
    last_day - getvariable('days') + 1 as first_day,
    last_day - 2 * getvariable('days') + 1 as earlier_day,
    cast(date_trunc('week', last_day) as date) as this_week
from analytics.stg_kustomer__last_read
"""

FIGURES = """
with counted as (
    select *, created_day >= first_day as recent
    from analytics.kustomer__conversation_metrics, period
    where created_day between earlier_day and last_day
),

surveyed as (
    select survey_score, cast(survey_sent_at as date) >= first_day as recent
    from analytics.kustomer__conversation_metrics, period
    where cast(survey_sent_at as date) between earlier_day and last_day
),

agreed as (
    select outcome, matched_day >= first_day as recent
    from analytics.kustomer__sla_metrics, period
    where matched_day between earlier_day and last_day and outcome <> 'pending'
)

select
    recent,
    count(*) as conversations,
    median(first_response_seconds) as response,
    median(first_resolution_seconds) as resolution,
    avg(was_reopened::int) filter (was_done) as reopened,
    (select avg(survey_score) from surveyed where surveyed.recent = counted.recent) as csat,
    (select avg((outcome = 'breached')::int) from agreed where agreed.recent = counted.recent)
        as breached
from counted
group by recent
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
select channel as name, sum(satisfied) / nullif(sum(rated), 0) as share, sum(rated)::int as count
from analytics.kustomer__csat_by_day, period
where day > last_day - 365
group by channel
having sum(rated) > 0
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
