select
    id as conversation_event_id,
    org_id,
    conversation_id,
    name as event_name,
    coalesce(published_at, created_at) as happened_at,
    {{ json_text('changes', ['attributes', 'status', 'before']) }} as status_before,
    {{ json_text('changes', ['attributes', 'status', 'after']) }} as status_after,
    {{ json_at('changes', ['attributes', 'sla', 'before']) }} as sla_before_doc
from ({{ kustomer_rows('conversation_events') }}) as loaded
