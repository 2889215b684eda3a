select
    id as message_id,
    org_id,
    conversation_id,
    customer_id,
    channel,
    direction,
    direction_type,
    coalesce(auto, false) as auto,
    coalesce(deleted, false) as deleted,
    source as message_source,
    created_by_id,
    created_by_type,
    {{ utc('created_at') }} as created_at,
    coalesce({{ utc('sent_at') }}, {{ utc('created_at') }}) as sent_at,
    {{ json_doc('assigned_users') }} as assigned_users_doc,
    {{ json_doc('assigned_teams') }} as assigned_teams_doc,
    {{ json_doc('created_by_teams') }} as created_by_teams_doc
from {{ source('kustomer', 'messages') }}
