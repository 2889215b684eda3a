{#
  What is read of each loaded table. A stream that is not loaded, and a column that its table does
  not have, read as null: they cost what is made of them and nothing else.
#}

{#
  The columns that models read, by stream: text, number, flag, moment or json. `id` and `org_id`
  are read of every stream.
#}
{% macro kustomer_columns(stream) %}
  {%- set text, number, flag, moment, json = 'text', 'number', 'flag', 'moment', 'json' -%}
  {%- set streams = {
    'conversations': {
      'customer_id': text, 'queue_id': text, 'brand_id': text, 'sub_status_id': text,
      'sla_id': text, 'sla_version_id': text, 'status': text, 'direction': text,
      'priority': number, 'channels': json, 'deleted': flag, 'spam': flag, 'merged_target': flag,
      'created_at': moment, 'updated_at': moment, 'imported_at': moment, 'rev': number,
      'first_message_in': json, 'first_message_out': json, 'first_response': json,
      'last_message_unresponded_to': json, 'first_done': json, 'last_done': json,
      'total_open': json, 'total_snooze': json, 'total_done': json,
      'satisfaction_level': json, 'sla': json, 'done_count': number, 'reopen_count': number,
      'reopen_from_done_count': number, 'message_count': number, 'tags': json,
      'assigned_users': json, 'assigned_teams': json, '_sdc_deleted_at': moment,
    },
    'messages': {
      'conversation_id': text, 'customer_id': text, 'channel': text, 'direction': text,
      'direction_type': text, 'auto': flag, 'deleted': flag, 'redacted': flag, 'status': text,
      'source': text, 'created_by_id': text, 'created_by_type': text, 'created_at': moment,
      'updated_at': moment, 'sent_at': moment, 'imported_at': moment, 'rev': number,
      'response_time': number, 'response_business_time': number, 'assigned_users': json,
      'assigned_teams': json, 'created_by_teams': json, '_sdc_deleted_at': moment,
    },
    'customers': {
      'company_id': text, 'name': text, 'deleted': flag, 'created_at': moment,
      'updated_at': moment, 'rev': number, 'emails': json, 'shared_emails': json,
      '_sdc_deleted_at': moment,
    },
    'users': {
      'name': text, 'display_name': text, 'email': text, 'user_type': text, 'deleted': flag,
      'updated_at': moment,
    },
    'teams': {
      'name': text, 'display_name': text, 'deleted': flag, 'members': json, 'updated_at': moment,
    },
    'tags': {'name': text, 'deleted': flag, 'updated_at': moment},
    'brands': {'name': text, 'updated_at': moment},
    'queues': {'name': text, 'display_name': text, 'updated_at': moment},
    'conversation_times': {
      'conversation_id': text, 'created_by_id': text, 'created_at': moment, 'handle_at': moment,
      'handle_time': number, 'timer_version': text, 'created_by_teams': json,
    },
    'satisfaction_responses': {
      'conversation_id': text, 'customer_id': text, 'channel': text, 'status': text,
      'rating': number, 'score': number, 'sent_at': moment, 'scheduled_for': moment,
      'submitted_at': moment, 'created_at': moment, 'updated_at': moment, 'sent_by_id': text,
      'sent_by_teams': json,
    },
    'audit_logs': {
      'object_type': text, 'object_id': text, 'event_verb': text, 'created_at': moment,
      'changes': json,
    },
    'conversation_events': {
      'conversation_id': text, 'name': text, 'created_at': moment, 'updated_at': moment,
      'published_at': moment, 'changes': json,
    },
    'webhook_events': {
      'object_type': text, 'object_id': text, 'created_at': moment, 'changes': json,
    },
    'deletions': {
      'object_type': text, 'object_id': text, 'deleted_at': moment, 'confirmed': flag,
    },
    'row_counts': {
      'stream': text, 'month': moment, 'live_rows': number, 'archived_rows': number,
      'counted_at': moment,
    },
    'present_ids': {'stream': text, 'read_at': moment},
    'sync_runs': {'stream': text, 'status': text, 'started_at': moment, 'ended_at': moment},
  } -%}
  {%- if stream == 'row_counts' -%}{{- return(dict({'org_id': text}, **streams[stream])) -}}{%- endif -%}
  {{- return(dict({'id': text, 'org_id': text}, **streams[stream])) -}}
{% endmacro %}


{# The columns that a stream's table has, by name in lower case; none where it is not loaded. #}
{% macro kustomer_found(stream) %}
  {%- set using = var('kustomer_using_' ~ stream, 'auto') -%}
  {%- set table = source('kustomer', stream) -%}
  {%- if not execute or using in (false, 'false') -%}
    {{- return(none) -}}
  {%- endif -%}
  {%- set found = {} -%}
  {%- if not var('kustomer_look_at_schema') | as_bool -%}
    {%- for name in kustomer_analytics.kustomer_columns(stream) -%}
      {%- do found.update({name: {'name': name, 'data_type': ''}}) -%}
    {%- endfor -%}
    {{- return(found) -}}
  {%- endif -%}
  {%- set relation = adapter.get_relation(table.database, table.schema, table.identifier) -%}
  {%- if relation is none -%}
    {%- if using in (true, 'true') -%}
      {{- exceptions.raise_compiler_error(
        "kustomer_using_" ~ stream ~ " is true, and there is no table " ~ table ~ ": load the "
        ~ "stream, or set kustomer_schema and kustomer_database to where it is."
      ) -}}
    {%- endif -%}
    {{- return(none) -}}
  {%- endif -%}
  {%- for column in adapter.get_columns_in_relation(relation) -%}
    {%- do found.update(
      {column.name | lower: {'name': adapter.quote(column.name), 'data_type': column.data_type}}
    ) -%}
  {%- endfor -%}
  {{- return(found) -}}
{% endmacro %}


{# Whether a stream is loaded. #}
{% macro kustomer_is_loaded(stream) %}
  {{- return(kustomer_analytics.kustomer_found(stream) is not none) -}}
{% endmacro %}


{# Whether a stream's table holds several versions of a row. #}
{% macro kustomer_has_versions(stream) %}
  {%- set setting = var('kustomer_append_only') -%}
  {%- if stream in ('row_counts', 'present_ids') -%}
    {{- return(false) -}}{# their keys are not `id` alone -#}
  {%- endif -%}
  {%- if setting != 'auto' or not execute or not var('kustomer_look_at_schema') | as_bool -%}
    {{- return(setting in (true, 'true')) -}}
  {%- endif -%}
  {%- set twice = run_query(
    'select count(*) from (select id from ' ~ source('kustomer', stream)
    ~ ' group by id having count(*) > 1) as twice'
  ) -%}
  {{- return(twice.rows[0][0] > 0) -}}
{% endmacro %}


{#
  A select of a stream's rows with the columns that models read, each of one type: the newest
  version of each row, without rows that Kustomer deleted for good. None where `also`, a stream
  that they are read for, is not loaded.
#}
{% macro kustomer_rows(stream, also=none) %}
{%- set wanted = kustomer_analytics.kustomer_columns(stream) -%}
{%- set found = kustomer_analytics.kustomer_found(stream) -%}
{%- if also is not none and not kustomer_analytics.kustomer_is_loaded(also) -%}
{%- set found = none -%}
{%- endif -%}
{%- set table = source('kustomer', stream) -%}
{%- if found is none -%}
select
    {%- for name, kind in wanted.items() %}
    {{ kustomer_analytics.null_of(kind) }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from (select 1 as one) as nothing
where one = 0
{%- else -%}
{%- set versions = kustomer_analytics.kustomer_has_versions(stream) -%}
select
    {%- for name, kind in wanted.items() %}
    {% if name in found and name == 'org_id' -%}
    coalesce(loaded.{{ found[name]['name'] }}, 'unknown')
    {%- elif name in found -%}
    {{ kustomer_analytics.read_as(kind, 'loaded.' ~ found[name]['name'], found[name]['data_type']) }}
    {%- elif name == 'org_id' -%}
    'unknown'
    {%- else -%}
    {{ kustomer_analytics.null_of(kind) }}
    {%- endif %} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- if versions %}
from (
    select
        *,
        row_number() over (
            partition by id
            {#- what marks a deletion has no version of its own, and is the last word #}
            order by
                {%- if '_sdc_deleted_at' in found and 'created_at' in found %}
                case when _sdc_deleted_at is not null and created_at is null then 0 else 1 end,
                {%- endif %}
                {%- for name in ('rev', 'updated_at', '_sdc_batched_at', '_sdc_sequence') %}
                {%- if name in found %}
                {{ name }} desc nulls last,
                {%- endif %}
                {%- endfor %}
                id
        ) as kustomer_version
    from {{ table }}
) as loaded
where loaded.kustomer_version = 1
{%- else %}
from {{ table }} as loaded
where 1 = 1
{%- endif %}
{%- if '_sdc_deleted_at' in wanted and '_sdc_deleted_at' in found and 'created_at' in found %}
    and (loaded._sdc_deleted_at is null or loaded.created_at is not null)
{%- endif %}
{{ kustomer_analytics.without_deletions(stream) }}
{%- endif %}
{%- endmacro %}


{# Rows of the streams that can be checked; none where `proof`, which they are checked by, is not loaded. #}
{% macro checked_rows(proof) -%}
{%- for stream in ('conversations', 'customers', 'messages') %}
{%- set rows = kustomer_analytics.kustomer_rows(stream, proof) %}
select '{{ stream }}' as stream, one.org_id, one.id, one.created_at, one.updated_at
from ({{ rows }}) as one
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}


{# A condition that leaves out what Kustomer deleted for good, where `deletions` is loaded. #}
{% macro without_deletions(stream) %}
{%- set gone = {
  'conversations': [('conversation', 'id')],
  'customers': [('customer', 'id')],
  'messages': [('message', 'id'), ('conversation', 'conversation_id')],
  'conversation_times': [('conversation', 'conversation_id')],
  'conversation_events': [('conversation', 'conversation_id')],
  'satisfaction_responses': [('conversation', 'conversation_id')],
} -%}
{%- set deletions = source('kustomer', 'deletions') -%}
{%- if stream in gone and kustomer_analytics.kustomer_is_loaded('deletions') -%}
{%- for type, column in gone[stream] %}
    and not exists (
        select 1 from {{ deletions }} as gone
        where
            gone.confirmed
            and gone.object_type = '{{ type }}'
            and gone.object_id = loaded.{{ column }}
            {#- A row that was restored is newer than its deletion. -#}
            {%- if 'deleted_at' in (kustomer_analytics.kustomer_found('deletions') or {})
              and 'updated_at' in kustomer_analytics.kustomer_columns(stream)
              and 'updated_at' in (kustomer_analytics.kustomer_found(stream) or {}) %}
            and (
                loaded.updated_at is null
                or {{ kustomer_analytics.utc('gone.deleted_at') }} >= {{ kustomer_analytics.utc('loaded.updated_at') }}
            )
            {%- endif %}
    )
{%- endfor -%}
{%- endif -%}
{%- endmacro %}


{# A loaded column as one kind of value, whatever type the loader gave it. #}
{% macro read_as(kind, column, data_type='') -%}
{%- if kind == 'moment' -%}{{ kustomer_analytics.utc(column) }}
{%- elif kind == 'json' -%}{{ kustomer_analytics.json_doc(column, data_type) }}
{%- else -%}cast({{ column }} as {{ kustomer_analytics.type_of(kind) }})
{%- endif -%}
{%- endmacro %}


{% macro null_of(kind) -%}
cast(null as {{ kustomer_analytics.type_of(kind) }})
{%- endmacro %}


{# The warehouse's type for a kind of value. #}
{% macro type_of(kind) -%}
{%- if kind == 'text' -%}{{ dbt.type_string() }}
{%- elif kind == 'number' -%}{{ kustomer_analytics.type_of_number() }}
{%- elif kind == 'flag' -%}{{ dbt.type_boolean() }}
{%- elif kind == 'moment' -%}{{ kustomer_analytics.type_of_moment() }}
{%- else -%}{{ kustomer_analytics.type_of_json() }}
{%- endif -%}
{%- endmacro %}

{% macro type_of_number() %}
  {{- return(adapter.dispatch('type_of_number', 'kustomer_analytics')()) -}}
{% endmacro %}

{% macro default__type_of_number() %}double precision{% endmacro %}

{% macro bigquery__type_of_number() %}float64{% endmacro %}

{% macro duckdb__type_of_number() %}double{% endmacro %}

{% macro snowflake__type_of_number() %}double{% endmacro %}

{% macro type_of_moment() %}
  {{- return(adapter.dispatch('type_of_moment', 'kustomer_analytics')()) -}}
{% endmacro %}

{% macro default__type_of_moment() %}timestamp{% endmacro %}

{% macro snowflake__type_of_moment() %}timestamp_ntz{% endmacro %}

{% macro type_of_json() %}
  {{- return(adapter.dispatch('type_of_json', 'kustomer_analytics')()) -}}
{% endmacro %}

{% macro default__type_of_json() %}json{% endmacro %}

{% macro postgres__type_of_json() %}jsonb{% endmacro %}

{% macro snowflake__type_of_json() %}variant{% endmacro %}
