select
    created_day as day,
    channel,
    count(*) as conversations,
    count(first_resolution_seconds) as resolved,
    avg(first_resolution_seconds) as mean_seconds,
    {{ percentile('first_resolution_seconds', 0.5) }} as median_seconds,
    {{ percentile('first_resolution_seconds', 0.9) }} as p90_seconds,
    avg(first_resolution_business_seconds) as mean_business_seconds,
    {{ percentile('first_resolution_business_seconds', 0.5) }} as median_business_seconds,
    {{ percentile('first_resolution_business_seconds', 0.9) }} as p90_business_seconds
from {{ ref('kustomer__conversation_metrics') }}
group by created_day, channel
