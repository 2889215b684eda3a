select
    org_id,
    created_day as day,
    channel,
    {{ count_if('was_done') }} as done,
    {{ count_if('was_reopened') }} as reopened,
    {{ share_of(count_if('was_reopened'), count_if('was_done')) }} as reopen_rate
from {{ ref('kustomer__conversation_metrics') }}
group by org_id, created_day, channel
