with stretches as (
    select
        conversation_id,
        status,
        {{ local_day('dbt_valid_from') }} as from_day,
        {{ local_day('dbt_valid_to') }} as until_day
    from {{ ref('kustomer__conversation_status_snapshot') }}
    where not excluded
),

bounds as (
    select
        min({{ local_day('snapshots.dbt_valid_from') }}) as first_day,
        max({{ local_day('last_read.read_at') }}) as last_day
    from {{ ref('kustomer__conversation_status_snapshot') }} as snapshots
    cross join {{ ref('stg_kustomer__last_read') }} as last_read
),

days as (
    {{ days_of('bounds') }}
)

select
    days.day,
    {{ count_if("stretches.status in ('open', 'snoozed')") }} as backlog,
    {{ count_if("stretches.status = 'open'") }} as open,
    {{ count_if("stretches.status = 'snoozed'") }} as snoozed
from days
left join stretches
    on
        stretches.from_day <= days.day
        and (stretches.until_day is null or days.day < stretches.until_day)
group by days.day
