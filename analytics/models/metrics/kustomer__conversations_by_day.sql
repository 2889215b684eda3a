select
    created_day as day,
    channel,
    count(*) as conversations,
    {{ count_if("direction = 'in'") }} as inbound,
    {{ count_if("direction = 'out'") }} as outbound
from {{ ref('kustomer__conversation_metrics') }}
group by created_day, channel
