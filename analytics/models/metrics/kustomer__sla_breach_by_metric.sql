select
    org_id,
    matched_day as day,
    metric,
    count(*) as agreements,
    {{ count_if("outcome = 'met'") }} as met,
    {{ count_if("outcome = 'breached'") }} as breached,
    {{ count_if("outcome = 'pending'") }} as pending,
    {{ count_if("decided_by = 'kustomer'") }} as decided_by_kustomer,
    {{ share_of(count_if("outcome = 'breached'"), count_if("outcome <> 'pending'")) }}
        as breach_rate
from {{ ref('kustomer__sla_metrics') }}
group by org_id, matched_day, metric
