select
    id as webhook_event_id,
    org_id,
    object_type,
    object_id,
    created_at as happened_at,
    {{ json_text('changes', ['attributes', 'status', 'before']) }} as status_before,
    {{ json_text('changes', ['attributes', 'status', 'after']) }} as status_after,
    {{ json_at('changes', ['attributes', 'sla', 'before']) }} as sla_before_doc
from ({{ kustomer_rows('webhook_events') }}) as loaded
