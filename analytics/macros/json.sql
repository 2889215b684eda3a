{#
  Nested values, the same on every warehouse.

  A loader stores an array or an object as JSON (DuckDB, BigQuery), jsonb or an array type
  (PostgreSQL), VARIANT (Snowflake) or text. `json_doc` makes one kind of value of all of these;
  the other macros take what it returns.
#}

{% macro json_doc(column, data_type='') %}
  {{- return(adapter.dispatch('json_doc', 'kustomer_analytics')(column, data_type)) -}}
{% endmacro %}

{% macro duckdb__json_doc(column, data_type) %}cast({{ column }} as json){% endmacro %}

{% macro postgres__json_doc(column, data_type) -%}
{#- target-postgres makes jsonb of objects and text[] of lists of text; with flattening, text -#}
{%- if data_type in ('text', 'character varying') -%}
cast({{ column }} as jsonb)
{%- elif data_type == 'jsonb' -%}
{{ column }}
{%- else -%}
to_jsonb({{ column }})
{%- endif -%}
{%- endmacro %}

{% macro snowflake__json_doc(column, data_type) -%}
{%- if data_type | upper in ('TEXT', 'STRING') or (data_type | upper).startswith('VARCHAR')
  or (data_type | upper).startswith('CHARACTER') -%}
try_parse_json({{ column }})
{%- else -%}
to_variant({{ column }})
{%- endif -%}
{%- endmacro %}

{% macro bigquery__json_doc(column, data_type) -%}
{%- if data_type | upper == 'STRING' -%}
safe.parse_json({{ column }})
{%- else -%}
to_json({{ column }})
{%- endif -%}
{%- endmacro %}


{# The text at a path of keys; null where there is none. #}
{% macro json_text(doc, path) %}
  {{- return(adapter.dispatch('json_text', 'kustomer_analytics')(doc, path)) -}}
{% endmacro %}

{% macro duckdb__json_text(doc, path) -%}
json_extract_string({{ doc }}, '$."{{ path | join('"."') }}"')
{%- endmacro %}

{% macro postgres__json_text(doc, path) -%}
({{ doc }} #>> '{ {{- path | join(',') -}} }')
{%- endmacro %}

{% macro snowflake__json_text(doc, path) -%}
cast(get_path({{ doc }}, '{{ path | join('.') }}') as varchar)
{%- endmacro %}

{% macro bigquery__json_text(doc, path) -%}
json_value({{ doc }}, '$.{{ path | join('.') }}')
{%- endmacro %}


{# The JSON value at a path of keys, for another macro of this file. #}
{% macro json_at(doc, path) %}
  {{- return(adapter.dispatch('json_at', 'kustomer_analytics')(doc, path)) -}}
{% endmacro %}

{% macro duckdb__json_at(doc, path) -%}
json_extract({{ doc }}, '$."{{ path | join('"."') }}"')
{%- endmacro %}

{% macro postgres__json_at(doc, path) -%}
({{ doc }} #> '{ {{- path | join(',') -}} }')
{%- endmacro %}

{% macro snowflake__json_at(doc, path) -%}
get_path({{ doc }}, '{{ path | join('.') }}')
{%- endmacro %}

{% macro bigquery__json_at(doc, path) -%}
json_query({{ doc }}, '$.{{ path | join('.') }}')
{%- endmacro %}


{# The number at a path; null where there is none or something else. #}
{% macro json_number(doc, path) %}
  {{- return(adapter.dispatch('json_number', 'kustomer_analytics')(doc, path)) -}}
{% endmacro %}

{% macro duckdb__json_number(doc, path) -%}
try_cast({{ kustomer_analytics.json_text(doc, path) }} as double)
{%- endmacro %}

{% macro postgres__json_number(doc, path) -%}
case
  when jsonb_typeof({{ kustomer_analytics.json_at(doc, path) }}) = 'number'
  then cast({{ kustomer_analytics.json_text(doc, path) }} as double precision)
end
{%- endmacro %}

{% macro snowflake__json_number(doc, path) -%}
try_to_double({{ kustomer_analytics.json_text(doc, path) }})
{%- endmacro %}

{% macro bigquery__json_number(doc, path) -%}
safe_cast({{ kustomer_analytics.json_text(doc, path) }} as float64)
{%- endmacro %}


{# The moment at a path, in UTC; null where there is none. #}
{% macro json_moment(doc, path) %}
  {{- return(adapter.dispatch('json_moment', 'kustomer_analytics')(doc, path)) -}}
{% endmacro %}

{% macro duckdb__json_moment(doc, path) -%}
try_cast({{ kustomer_analytics.json_text(doc, path) }} as timestamp)
{%- endmacro %}

{% macro postgres__json_moment(doc, path) -%}
timezone('UTC', cast({{ kustomer_analytics.json_text(doc, path) }} as timestamptz))
{%- endmacro %}

{% macro snowflake__json_moment(doc, path) -%}
cast(
  convert_timezone('UTC', try_to_timestamp_tz({{ kustomer_analytics.json_text(doc, path) }}))
  as timestamp_ntz
)
{%- endmacro %}

{% macro bigquery__json_moment(doc, path) -%}
safe_cast({{ kustomer_analytics.json_text(doc, path) }} as timestamp)
{%- endmacro %}


{#
  One row per element of an array: `from t {{ each_element('t.tags', 'one') }}`, then
  `element_of('one')` is the element as JSON and `element_text('one')` a text element's text.
#}
{% macro each_element(doc, alias) %}
  {{- return(adapter.dispatch('each_element', 'kustomer_analytics')(doc, alias)) -}}
{% endmacro %}

{% macro duckdb__each_element(doc, alias) -%}
cross join unnest(json_extract({{ doc }}, '$[*]')) as {{ alias }}(element)
{%- endmacro %}

{% macro postgres__each_element(doc, alias) -%}
cross join lateral jsonb_array_elements(
  case when jsonb_typeof({{ doc }}) = 'array' then {{ doc }} end
) as {{ alias }}(element)
{%- endmacro %}

{% macro snowflake__each_element(doc, alias) -%}
cross join lateral flatten(input => {{ doc }}, mode => 'ARRAY') as {{ alias }}
{%- endmacro %}

{% macro bigquery__each_element(doc, alias) -%}
cross join unnest(json_query_array({{ doc }})) as {{ alias }}_element
{%- endmacro %}

{% macro element_of(alias) %}
  {{- return(adapter.dispatch('element_of', 'kustomer_analytics')(alias)) -}}
{% endmacro %}

{% macro default__element_of(alias) %}{{ alias }}.element{% endmacro %}

{% macro snowflake__element_of(alias) %}{{ alias }}.value{% endmacro %}

{% macro bigquery__element_of(alias) %}{{ alias }}_element{% endmacro %}

{% macro element_text(alias) %}
  {{- return(adapter.dispatch('element_text', 'kustomer_analytics')(alias)) -}}
{% endmacro %}

{% macro duckdb__element_text(alias) %}json_extract_string({{ alias }}.element, '$'){% endmacro %}

{% macro postgres__element_text(alias) %}({{ alias }}.element #>> '{}'){% endmacro %}

{% macro snowflake__element_text(alias) %}cast({{ alias }}.value as varchar){% endmacro %}

{% macro bigquery__element_text(alias) %}json_value({{ alias }}_element){% endmacro %}


{#
  One row per key of an object: `from t {{ each_entry('t.metrics', 'one') }}`, then
  `entry_key('one')` is the key and `entry_value('t.metrics', 'one')` the value as JSON.
#}
{% macro each_entry(doc, alias) %}
  {{- return(adapter.dispatch('each_entry', 'kustomer_analytics')(doc, alias)) -}}
{% endmacro %}

{% macro duckdb__each_entry(doc, alias) -%}
cross join unnest(json_keys({{ doc }})) as {{ alias }}(entry_key)
{%- endmacro %}

{% macro postgres__each_entry(doc, alias) -%}
cross join lateral jsonb_each(
  case when jsonb_typeof({{ doc }}) = 'object' then {{ doc }} end
) as {{ alias }}(entry_key, entry_value)
{%- endmacro %}

{% macro snowflake__each_entry(doc, alias) -%}
cross join lateral flatten(input => {{ doc }}, mode => 'OBJECT') as {{ alias }}
{%- endmacro %}

{% macro bigquery__each_entry(doc, alias) -%}
cross join unnest(json_keys({{ doc }}, 1)) as {{ alias }}_key
{%- endmacro %}

{% macro entry_key(alias) %}
  {{- return(adapter.dispatch('entry_key', 'kustomer_analytics')(alias)) -}}
{% endmacro %}

{% macro default__entry_key(alias) %}{{ alias }}.entry_key{% endmacro %}

{% macro snowflake__entry_key(alias) %}{{ alias }}.key{% endmacro %}

{% macro bigquery__entry_key(alias) %}{{ alias }}_key{% endmacro %}

{% macro entry_value(doc, alias) %}
  {{- return(adapter.dispatch('entry_value', 'kustomer_analytics')(doc, alias)) -}}
{% endmacro %}

{% macro duckdb__entry_value(doc, alias) -%}
json_extract({{ doc }}, '$."' || {{ alias }}.entry_key || '"')
{%- endmacro %}

{% macro postgres__entry_value(doc, alias) %}{{ alias }}.entry_value{% endmacro %}

{% macro snowflake__entry_value(doc, alias) %}{{ alias }}.value{% endmacro %}

{% macro bigquery__entry_value(doc, alias) %}{{ doc }}[{{ alias }}_key]{% endmacro %}


{# How many keys an object has; null where it is none. #}
{% macro entry_count(doc) %}
  {{- return(adapter.dispatch('entry_count', 'kustomer_analytics')(doc)) -}}
{% endmacro %}

{% macro duckdb__entry_count(doc) %}len(json_keys({{ doc }})){% endmacro %}

{% macro postgres__entry_count(doc) -%}
case
  when jsonb_typeof({{ doc }}) = 'object'
  then (select count(*) from jsonb_object_keys({{ doc }}) as keys(one))
end
{%- endmacro %}

{% macro snowflake__entry_count(doc) %}array_size(object_keys({{ doc }})){% endmacro %}

{% macro bigquery__entry_count(doc) %}array_length(json_keys({{ doc }}, 1)){% endmacro %}


{# The first element of an array of texts. #}
{% macro first_text(doc) %}
  {{- return(adapter.dispatch('first_text', 'kustomer_analytics')(doc)) -}}
{% endmacro %}

{% macro duckdb__first_text(doc) %}json_extract_string({{ doc }}, '$[0]'){% endmacro %}

{% macro postgres__first_text(doc) %}({{ doc }} ->> 0){% endmacro %}

{% macro snowflake__first_text(doc) %}cast(get({{ doc }}, 0) as varchar){% endmacro %}

{% macro bigquery__first_text(doc) %}json_value({{ doc }}, '$[0]'){% endmacro %}
