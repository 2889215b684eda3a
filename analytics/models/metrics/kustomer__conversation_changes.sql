{#
  One row per field of a conversation that was changed: from the audit log where it is loaded, else
  from webhooks. Not from both: one change has an entry in each.
#}
{%- set stream = 'audit_logs' if kustomer_is_loaded('audit_logs') else 'webhook_events' %}
with entries as (
    select
        id as change_id,
        org_id,
        object_id as conversation_id,
        created_at as happened_at,
        {{ json_at('changes', ['attributes']) }} as fields
    from ({{ kustomer_rows(stream) }}) as loaded
    where object_type = 'conversation' and object_id is not null
)

select
    entries.change_id,
    entries.org_id,
    entries.conversation_id,
    entries.happened_at,
    {{ entry_key('field') }} as field,
    {{ json_text(entry_value('entries.fields', 'field'), ['before']) }} as value_before,
    {{ json_text(entry_value('entries.fields', 'field'), ['after']) }} as value_after,
    '{{ stream }}' as change_from
from entries
{{ each_entry('entries.fields', 'field') }}
{#- both are looked at, whichever is read: #}
-- depends_on: {{ source('kustomer', 'audit_logs') }}
-- depends_on: {{ source('kustomer', 'webhook_events') }}
