select
    matched_day as day,
    metric,
    count(*) as conversations,
    {{ count_if("outcome = 'met'") }} as met,
    {{ count_if("outcome = 'breached'") }} as breached,
    {{ count_if("outcome = 'pending'") }} as pending,
    {{ share_of(count_if("outcome = 'breached'"), count_if("outcome <> 'pending'")) }}
        as breach_rate
from {{ ref('kustomer__sla_metrics') }}
group by matched_day, metric
