{# Moments are UTC without a zone (on BigQuery: TIMESTAMP), durations are seconds. #}

{# A loaded date-time column in UTC, whether the loader kept a zone or not. #}
{% macro utc(column) %}
  {{- return(adapter.dispatch('utc', 'kustomer_analytics')(column)) -}}
{% endmacro %}

{% macro duckdb__utc(column) -%}
case
  when typeof({{ column }}) = 'TIMESTAMP WITH TIME ZONE'
  then timezone('UTC', cast({{ column }} as timestamptz))
  else cast({{ column }} as timestamp)
end
{%- endmacro %}

{% macro postgres__utc(column) -%}
case
  when pg_typeof({{ column }}) = 'timestamptz'::regtype
  then timezone('UTC', cast({{ column }} as timestamptz))
  else cast({{ column }} as timestamp)
end
{%- endmacro %}

{% macro snowflake__utc(column) -%}
{#- target-snowflake keeps UTC without a zone -#}
cast({{ column }} as timestamp_ntz)
{%- endmacro %}

{% macro bigquery__utc(column) %}cast({{ column }} as timestamp){% endmacro %}


{# A moment as the clocks of `kustomer_timezone` showed it. #}
{% macro local_time(moment) %}
  {{- return(adapter.dispatch('local_time', 'kustomer_analytics')(moment)) -}}
{% endmacro %}

{% macro default__local_time(moment) -%}
{#- a conversion costs DuckDB more than most of what is measured with it -#}
{%- if var('kustomer_timezone') == 'UTC' -%}
{{ moment }}
{%- else -%}
timezone('{{ var("kustomer_timezone") }}', timezone('UTC', {{ moment }}))
{%- endif -%}
{%- endmacro %}

{% macro snowflake__local_time(moment) -%}
convert_timezone('UTC', '{{ var("kustomer_timezone") }}', {{ moment }})
{%- endmacro %}

{% macro bigquery__local_time(moment) -%}
datetime({{ moment }}, '{{ var("kustomer_timezone") }}')
{%- endmacro %}


{# The day of a moment in `kustomer_timezone`. #}
{% macro local_day(moment) -%}
cast({{ kustomer_analytics.local_time(moment) }} as date)
{%- endmacro %}


{# The weekday that a clock shows at a local time, 1 (Monday) to 7. #}
{% macro weekday_of(local_time) %}
  {{- return(adapter.dispatch('weekday_of', 'kustomer_analytics')(local_time)) -}}
{% endmacro %}

{% macro default__weekday_of(local_time) -%}
cast(extract(isodow from {{ local_time }}) as {{ dbt.type_int() }})
{%- endmacro %}

{% macro snowflake__weekday_of(local_time) %}dayofweekiso({{ local_time }}){% endmacro %}

{% macro bigquery__weekday_of(local_time) -%}
mod(extract(dayofweek from {{ local_time }}) + 5, 7) + 1
{%- endmacro %}


{# Seconds from one moment to another, exact to the millisecond. #}
{% macro seconds_between(earlier, later) %}
  {{- return(adapter.dispatch('seconds_between', 'kustomer_analytics')(earlier, later)) -}}
{% endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%}
(date_diff('millisecond', {{ earlier }}, {{ later }}) / 1000.0)
{%- endmacro %}

{% macro postgres__seconds_between(earlier, later) -%}
cast(extract(epoch from ({{ later }} - {{ earlier }})) as double precision)
{%- endmacro %}

{% macro snowflake__seconds_between(earlier, later) -%}
(datediff('millisecond', {{ earlier }}, {{ later }}) / 1000.0)
{%- endmacro %}

{% macro bigquery__seconds_between(earlier, later) -%}
(timestamp_diff({{ later }}, {{ earlier }}, millisecond) / 1000.0)
{%- endmacro %}


{# A value of Kustomer's in seconds; `unit` is what the value counts. #}
{% macro as_seconds(value, unit) -%}
{%- if unit == 'milliseconds' -%}
({{ value }} / 1000.0)
{%- elif unit == 'seconds' -%}
({{ value }} * 1.0)
{%- else -%}
{{ exceptions.raise_compiler_error("A unit is `seconds` or `milliseconds`, not `" ~ unit ~ "`.") }}
{%- endif -%}
{%- endmacro %}


{# One row per org and day, from its `first_day` to its `last_day` in a relation; column `day`. #}
{% macro days_of(bounds) %}
  {{- return(adapter.dispatch('days_of', 'kustomer_analytics')(bounds)) -}}
{% endmacro %}

{% macro default__days_of(bounds) -%}
select
    bounds.org_id,
    cast(one.moment as date) as day
from {{ bounds }} as bounds
cross join lateral generate_series(
  cast(bounds.first_day as timestamp), cast(bounds.last_day as timestamp), interval '1 day'
) as one(moment)
{%- endmacro %}

{% macro snowflake__days_of(bounds) -%}
select
    bounds.org_id,
    dateadd('day', number.n, bounds.first_day) as day
from {{ bounds }} as bounds
cross join (
  select row_number() over (order by seq4()) - 1 as n from table(generator(rowcount => 36600))
) as number
where number.n <= datediff('day', bounds.first_day, bounds.last_day)
{%- endmacro %}

{% macro bigquery__days_of(bounds) -%}
select
    bounds.org_id,
    day
from {{ bounds }} as bounds
cross join unnest(generate_date_array(bounds.first_day, bounds.last_day)) as day
{%- endmacro %}
