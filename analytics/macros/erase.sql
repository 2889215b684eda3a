{#
  Removes from the loaded tables what Kustomer confirmed to be gone, with what hung on it:
  dbt run-operation kustomer_erase                            counts only
  dbt run-operation kustomer_erase --args '{dry_run: false}'  removes

  Conversations of a deleted customer go only when they are gone themselves.
#}
{% macro kustomer_erase(dry_run=true) %}
  {%- for one in kustomer_analytics.kustomer_erasures() -%}
    {%- set rows = run_query('select count(*) from ' ~ one.relation ~ one.where).rows[0][0] -%}
    {%- if not dry_run and rows -%}
      {%- set erase = 'delete from ' ~ one.relation ~ one.where -%}
      {#- an operation of dbt leaves the transaction open, which undoes it #}
      {%- do run_query(erase ~ '; commit; begin' if target.type in ('duckdb', 'postgres') else erase) -%}
    {%- endif -%}
    {%- do log(one.table ~ ' (' ~ one.type ~ '): ' ~ rows ~ (' rows would be removed' if dry_run else ' rows removed'), info=true) -%}
  {%- endfor -%}
{% endmacro %}


{# The tables that are loaded and hold what may be gone, each with the condition that says which rows. #}
{% macro kustomer_erasures() %}
  {%- set targets = [
    ('customers', 'customer', 'id'),
    ('conversations', 'conversation', 'id'),
    ('messages', 'message', 'id'),
    ('messages', 'conversation', 'conversation_id'),
    ('notes', 'conversation', 'conversation_id'),
    ('conversation_events', 'conversation', 'conversation_id'),
    ('conversation_times', 'conversation', 'conversation_id'),
    ('conversation_attachments', 'conversation', 'conversation_id'),
    ('conversation_forwards', 'conversation', 'conversation_id'),
    ('satisfaction_responses', 'conversation', 'conversation_id'),
  ] -%}
  {%- set gone = source('kustomer', 'deletions') -%}
  {%- if kustomer_analytics.columns_of(gone) is none -%}
    {%- do exceptions.raise_compiler_error('The stream deletions is not loaded, so nothing is known to be gone.') -%}
  {%- endif -%}
  {%- set found = [] -%}
  {%- for table, type, column in targets -%}
    {%- set relation = gone.incorporate(path={'identifier': table}) -%}
    {%- set columns = kustomer_analytics.columns_of(relation) -%}
    {%- if columns is not none and (columns is true or column in columns) -%}
      {%- set where %}
where id in (
    select one.id
    from {{ relation }} as one
    inner join {{ gone }} as gone on one.{{ column }} = gone.object_id
    where gone.confirmed and gone.object_type = '{{ type }}'
    group by one.id
    {#- a row that was restored is newer than its deletion #}
    {%- if columns is true or 'updated_at' in columns %}
    having max(one.updated_at) is null or max(one.updated_at) <= max(gone.deleted_at)
    {%- endif %}
)
      {%- endset -%}
      {%- do found.append({'table': table, 'type': type, 'relation': relation, 'where': where}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{- return(found) -}}
{% endmacro %}


{# The names of a table's columns in lower case, none where there is no table; true: all that it may have. #}
{% macro columns_of(table) %}
  {%- if not var('kustomer_look_at_schema') | as_bool -%}{{- return(true) -}}{%- endif -%}
  {%- set relation = adapter.get_relation(table.database, table.schema, table.identifier) -%}
  {%- if relation is none -%}{{- return(none) -}}{%- endif -%}
  {{- return(adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list) -}}
{% endmacro %}
