{#
  Removes from the loaded tables what Kustomer confirmed to be gone, with what hung on it:
  dbt run-operation kustomer_erase                            counts only
  dbt run-operation kustomer_erase --args '{dry_run: false}'  removes

  Conversations of a deleted customer go only when they are gone themselves.
#}
{% macro kustomer_erase(dry_run=true) %}
  {%- set targets = [
    ('customers', 'customer', 'id'),
    ('conversations', 'conversation', 'id'),
    ('messages', 'message', 'id'),
    ('messages', 'conversation', 'conversation_id'),
    ('notes', 'conversation', 'conversation_id'),
    ('conversation_events', 'conversation', 'conversation_id'),
    ('conversation_attachments', 'conversation', 'conversation_id'),
    ('conversation_forwards', 'conversation', 'conversation_id'),
    ('satisfaction_responses', 'conversation', 'conversation_id'),
  ] -%}
  {%- set database = var('kustomer_database') if var('kustomer_database') != 'default' else target.database -%}
  {%- set schema = kustomer_analytics.kustomer_schema() | trim -%}
  {%- set gone = adapter.get_relation(database, schema, 'deletions') -%}
  {%- if gone is none -%}
    {%- do exceptions.raise_compiler_error('The stream deletions is not loaded, so nothing is known to be gone.') -%}
  {%- endif -%}
  {%- for table, type, column in targets -%}
    {%- set relation = adapter.get_relation(database, schema, table) -%}
    {%- if relation is not none -%}
      {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
      {%- if column in columns -%}
      {%- set condition -%}
        exists (
            select 1 from {{ gone }} as gone
            where
                gone.confirmed
                and gone.object_type = '{{ type }}'
                and gone.object_id = {{ relation }}.{{ column }}
                {%- if 'updated_at' in columns %}
                and ({{ relation }}.updated_at is null or {{ relation }}.updated_at <= gone.deleted_at)
                {%- endif %}
        )
      {%- endset -%}
      {%- set rows = run_query('select count(*) from ' ~ relation ~ ' where ' ~ condition).rows[0][0] -%}
      {%- if not dry_run and rows -%}
        {%- set erase = 'delete from ' ~ relation ~ ' where ' ~ condition -%}
        {#- an operation of dbt leaves the transaction open, which undoes it #}
        {%- do run_query(erase ~ '; commit; begin' if target.type in ('duckdb', 'postgres') else erase) -%}
      {%- endif -%}
      {%- do log(table ~ ' (' ~ type ~ '): ' ~ rows ~ (' rows would be removed' if dry_run else ' rows removed'), info=true) -%}
      {%- endif -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}
