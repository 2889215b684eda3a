select
    org_id,
    created_day as day,
    channel,
    count(*) as conversations,
    {{ count_if("direction = 'in'") }} as inbound,
    {{ count_if("direction = 'out'") }} as outbound,
    {{ count_if('imported') }} as imported
from {{ ref('kustomer__conversation_metrics') }}
group by org_id, created_day, channel
