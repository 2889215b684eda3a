select
    org_id,
    created_weekday as weekday,
    created_hour as hour,
    channel,
    count(*) as conversations,
    {{ count_if("direction = 'in'") }} as inbound,
    min(created_day) as first_day,
    max(created_day) as last_day
from {{ ref('kustomer__conversation_metrics') }}
where not imported
group by org_id, created_weekday, created_hour, channel
