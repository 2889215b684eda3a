select
    org_id,
    day,
    channel,
    {{ csat_columns() }}
from {{ ref('kustomer__surveys') }}
where was_sent
group by org_id, day, channel
