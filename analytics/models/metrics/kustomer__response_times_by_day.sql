select
    org_id,
    day,
    channel,
    {{ count_if('is_first_response') }} as first_responses,
    {{ spread_of('response_seconds', 'seconds') }},
    {{ spread_of('response_business_seconds', 'business_seconds') }}
from {{ ref('kustomer__response_times') }}
group by org_id, day, channel
