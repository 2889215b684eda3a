select
    org_id,
    created_day as day,
    channel,
    count(*) as conversations,
    {{ spread_of('first_resolution_seconds', 'seconds') }},
    {{ spread_of('first_resolution_business_seconds', 'business_seconds') }}
from {{ ref('kustomer__conversation_metrics') }}
group by org_id, created_day, channel
