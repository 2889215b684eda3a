select
    created_day as day,
    channel,
    {{ count_if('first_message_in_at is not null') }} as asked,
    count(first_response_seconds) as answered,
    avg(first_response_seconds) as mean_seconds,
    {{ percentile('first_response_seconds', 0.5) }} as median_seconds,
    {{ percentile('first_response_seconds', 0.9) }} as p90_seconds,
    avg(first_response_business_seconds) as mean_business_seconds,
    {{ percentile('first_response_business_seconds', 0.5) }} as median_business_seconds,
    {{ percentile('first_response_business_seconds', 0.9) }} as p90_business_seconds
from {{ ref('kustomer__conversation_metrics') }}
group by created_day, channel
