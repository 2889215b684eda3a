select
    org_id,
    created_day as day,
    channel,
    {{ count_if('was_asked') }} as asked,
    {{ count_if('was_asked and first_response_seconds is not null') }} as answered,
    {{ count_if('was_asked and waiting_since is not null') }} as waiting,
    {{ spread_of('first_response_seconds', 'seconds') }},
    {{ spread_of('first_response_business_seconds', 'business_seconds') }},
    {{ spread_of('first_response_by_anyone_seconds', 'by_anyone_seconds') }}
from {{ ref('kustomer__conversation_metrics') }}
group by org_id, created_day, channel
