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
  'merged': 'coalesce(merged, false)',
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


{# The schema that the loader filled. #}
{% macro kustomer_schema() -%}
{%- set named = var('kustomer_schema') -%}
{{ named if named != 'default' else ('main' if target.type == 'duckdb' else 'tap_kustomer') }}
{%- endmacro %}
