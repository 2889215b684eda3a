with stretches as (
    select
        org_id,
        status,
        {{ local_day('dbt_valid_from') }} as from_day,
        {{ local_day('dbt_valid_to') }} as until_day,
        true as logged
    from {{ ref('kustomer__conversation_status_snapshot') }}
    where not excluded
),

bounds as (
    select
        snapshots.org_id,
        {{ local_day('min(snapshots.dbt_valid_from)') }} as first_day,
        {{ local_day('max(last_read.read_at)') }} as last_day
    from {{ ref('kustomer__conversation_status_snapshot') }} as snapshots
    inner join {{ ref('stg_kustomer__last_read') }} as last_read
        on snapshots.org_id = last_read.org_id
    group by snapshots.org_id
),

{{ backlog_of('stretches', 'bounds') }}

select
    org_id,
    day,
    cast(open + snoozed as {{ dbt.type_int() }}) as backlog,
    cast(open as {{ dbt.type_int() }}) as open,
    cast(snoozed as {{ dbt.type_int() }}) as snoozed
from running
