{# A percentile as an aggregate; interpolated, on BigQuery approximate. #}
{% macro percentile(value, share) %}
  {{- return(adapter.dispatch('percentile', 'kustomer_analytics')(value, share)) -}}
{% endmacro %}

{% macro default__percentile(value, share) -%}
percentile_cont({{ share }}) within group (order by {{ value }})
{%- endmacro %}

{% macro bigquery__percentile(value, share) -%}
approx_quantiles({{ value }}, 1000)[offset({{ (share * 1000) | int }})]
{%- endmacro %}


{# How many rows fulfil a condition. #}
{% macro count_if(condition) -%}
sum(case when {{ condition }} then 1 else 0 end)
{%- endmacro %}


{# A share, 0 to 1; null when there is nothing to divide by. #}
{% macro share_of(part, whole) -%}
({{ part }} * 1.0 / nullif({{ whole }}, 0))
{%- endmacro %}


{# Whether a conversation is left out of every metric, by the variable `kustomer_exclude`. #}
{% macro is_excluded() -%}
{%- set conditions = {
  'deleted': 'coalesce(deleted, false)',
  'spam': 'coalesce(spam, false)',
  'merged': 'coalesce(' ~ var('kustomer_merged_when') ~ ', false)',
} -%}
{%- set chosen = [] -%}
{%- for kind in var('kustomer_exclude') -%}
  {%- if kind not in conditions -%}
    {{ exceptions.raise_compiler_error(
      "kustomer_exclude knows deleted, spam and merged, not `" ~ kind ~ "`."
    ) }}
  {%- endif -%}
  {%- do chosen.append(conditions[kind]) -%}
{%- endfor -%}
({{ chosen | join(' or ') if chosen else '1 = 0' }})
{%- endmacro %}


{# The counts of surveys, which add up, and the rates made of them. #}
{% macro csat_columns() -%}
count(*) as sent,
    {{ kustomer_analytics.count_if('was_rated') }} as rated,
    {{ kustomer_analytics.count_if('was_scored') }} as scored,
    {{ kustomer_analytics.count_if('was_satisfied') }} as satisfied,
    {{ kustomer_analytics.count_if('was_rated and not was_scored') }} as rated_without_score,
    coalesce(sum(rating), 0) as rating_sum,
    {{ kustomer_analytics.share_of(kustomer_analytics.count_if('was_rated'), 'count(*)') }}
        as response_rate,
    avg(rating) as mean_rating,
    {{ kustomer_analytics.share_of(
        kustomer_analytics.count_if('was_satisfied'), kustomer_analytics.count_if('was_scored')
    ) }} as csat
{%- endmacro %}


{# How a duration is spread in a group: how many there are, mean, median and 90th percentile. #}
{% macro spread_of(column, name) -%}
count({{ column }}) as {{ name }}_n,
    avg({{ column }}) as mean_{{ name }},
    {{ kustomer_analytics.percentile(column, 0.5) }} as median_{{ name }},
    {{ kustomer_analytics.percentile(column, 0.9) }} as p90_{{ name }}
{%- endmacro %}


{#
  Open and snoozed conversations at the end of each day, from stretches of one status: a stretch
  counts from `from_day` on and no longer on `until_day` (null: to the end). Each day adds what
  begins and takes off what ends, so the work grows with stretches plus days, not their product.
  `bounds` and `stretches` are relations of the query that calls this.
#}
{% macro backlog_of(stretches, bounds) -%}
{%- set measures = ['open', 'snoozed', 'unlogged'] -%}
clipped as (
    select
        stretches.org_id,
        case
            when stretches.from_day < bounds.first_day then bounds.first_day
            else stretches.from_day
        end as from_day,
        stretches.until_day,
        bounds.first_day,
        bounds.last_day,
        case when stretches.status = 'open' then 1 else 0 end as open,
        case when stretches.status = 'snoozed' then 1 else 0 end as snoozed,
        case when stretches.logged then 0 else 1 end as unlogged
    from {{ stretches }} as stretches
    inner join {{ bounds }} as bounds on stretches.org_id = bounds.org_id
    where
        stretches.status in ('open', 'snoozed')
        and stretches.from_day <= bounds.last_day
        and (stretches.until_day is null or stretches.until_day > bounds.first_day)
        and (stretches.until_day is null or stretches.until_day > stretches.from_day)
),

steps as (
    select org_id, from_day as day, open, snoozed, unlogged
    from clipped

    union all

    select org_id, until_day as day, -open as open, -snoozed as snoozed, -unlogged as unlogged
    from clipped
    where until_day <= last_day
),

per_day as (
    select
        org_id,
        day,
        sum(open) as open,
        sum(snoozed) as snoozed,
        sum(unlogged) as unlogged
    from steps
    group by org_id, day
),

days as (
    {{ kustomer_analytics.days_of(bounds) }}
),

running as (
    select
        days.org_id,
        days.day,
        {%- for measure in measures %}
        sum(coalesce(per_day.{{ measure }}, 0)) over (
            partition by days.org_id order by days.day
            rows between unbounded preceding and current row
        ) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from days
    left join per_day on days.org_id = per_day.org_id and days.day = per_day.day
)
{%- endmacro %}
