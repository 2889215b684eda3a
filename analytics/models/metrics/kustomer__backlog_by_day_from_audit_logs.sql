{{ config(enabled=var('kustomer_use_audit_logs') | as_bool) }}

with conversations as (
    select
        conversation_id,
        status,
        {{ local_day('created_at') }} as created_day
    from {{ ref('stg_kustomer__conversations') }}
    where not {{ is_excluded() }}
),

logs as (
    select * from {{ ref('stg_kustomer__audit_logs') }}
),

bounds as (
    -- The first and the last day are known in part only.
    select
        cast({{ dbt.dateadd('day', 1, local_day('min(logs.happened_at)')) }} as date) as first_day,
        cast({{ dbt.dateadd('day', -1, local_day('max(reads.read_at)')) }} as date) as last_day
    from logs
    cross join (
        select max({{ utc('ended_at') }}) as read_at
        from {{ source('kustomer', 'sync_runs') }}
        where stream = 'audit_logs' and status = 'complete'
    ) as reads
),

days as (
    {{ days_of('bounds') }}
),

changes as (
    select
        object_id as conversation_id,
        status_before,
        status_after,
        {{ local_day('happened_at') }} as day,
        row_number() over (
            partition by object_id order by happened_at, audit_log_id
        ) as place,
        row_number() over (
            partition by object_id, {{ local_day('happened_at') }}
            order by happened_at desc, audit_log_id desc
        ) as place_from_end_of_day
    from logs
    where object_type = 'conversation' and status_after is not null
),

stretches as (
    select
        conversation_id,
        status_after as status,
        day as from_day,
        lead(day) over (partition by conversation_id order by day) as until_day,
        true as logged
    from changes
    where place_from_end_of_day = 1

    union all

    select
        conversation_id,
        status_before as status,
        cast(null as date) as from_day,
        day as until_day,
        true as logged
    from changes
    where place = 1

    union all

    -- No change in the log: the status has been one and the same on all days that the log covers.
    select
        conversations.conversation_id,
        conversations.status,
        cast(null as date) as from_day,
        cast(null as date) as until_day,
        false as logged
    from conversations
    left join (select distinct conversation_id from changes) as changed
        on conversations.conversation_id = changed.conversation_id
    where changed.conversation_id is null
)

select
    days.day,
    {{ count_if("stretches.status in ('open', 'snoozed')") }} as backlog,
    {{ count_if("stretches.status = 'open'") }} as open,
    {{ count_if("stretches.status = 'snoozed'") }} as snoozed,
    {{ count_if("stretches.status in ('open', 'snoozed') and not stretches.logged") }}
        as backlog_without_logged_change
from days
left join conversations on conversations.created_day <= days.day
left join stretches
    on
        conversations.conversation_id = stretches.conversation_id
        and (stretches.from_day is null or stretches.from_day <= days.day)
        and (stretches.until_day is null or days.day < stretches.until_day)
group by days.day
