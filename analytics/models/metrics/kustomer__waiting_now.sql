select
    conversation_id,
    org_id,
    customer_id,
    channel,
    status,
    priority,
    queue_id,
    queue_name,
    brand_id,
    brand_name,
    created_at,
    waiting_since,
    waiting_seconds,
    first_response_seconds is null as never_answered,
    read_at
from {{ ref('kustomer__conversation_metrics') }}
where waiting_since is not null
