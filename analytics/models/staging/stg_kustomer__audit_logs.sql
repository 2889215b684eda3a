select
    id as audit_log_id,
    org_id,
    object_type,
    object_id,
    event_verb,
    created_at as happened_at,
    {{ json_text('changes', ['attributes', 'status', 'before']) }} as status_before,
    {{ json_text('changes', ['attributes', 'status', 'after']) }} as status_after,
    {{ json_at('changes', ['attributes', 'sla', 'before']) }} as sla_before_doc
from ({{ kustomer_rows('audit_logs') }}) as loaded
