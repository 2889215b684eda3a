{{ config(enabled=var('kustomer_use_audit_logs') | as_bool) }}

with loaded as (
    select
        id,
        object_type,
        object_id,
        event_verb,
        created_at,
        {{ json_doc('changes') }} as changes_doc
    from {{ source('kustomer', 'audit_logs') }}
)

select
    id as audit_log_id,
    object_type,
    object_id,
    event_verb,
    {{ utc('created_at') }} as happened_at,
    {{ json_text('changes_doc', ['attributes', 'status', 'before']) }} as status_before,
    {{ json_text('changes_doc', ['attributes', 'status', 'after']) }} as status_after
from loaded
