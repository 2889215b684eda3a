with conversations as (
    select
        conversation_id,
        org_id,
        status,
        {{ local_day('created_at') }} as created_day,
        {{ local_day('logged_deleted_at') }} as deleted_day
    from {{ ref('int_kustomer__conversations') }}
    -- Until it was deleted, a conversation was part of the backlog.
    where not excluded or (logged_deleted_at is not null and not spam)
),

logs as (
    select * from {{ ref('stg_kustomer__audit_logs') }}
),

reads as (
    select
        org_id,
        max(ended_at) as read_at
    from ({{ kustomer_rows('sync_runs') }}) as loaded
    where stream = 'audit_logs' and status = 'complete'
    group by org_id
),

bounds as (
    -- The first and the last day are known in part only. Without `sync_runs`, the newest entry
    -- tells how far the log was read.
    select
        logs.org_id,
        cast({{ dbt.dateadd('day', 1, local_day('min(logs.happened_at)')) }} as date) as first_day,
        cast({{ dbt.dateadd(
            'day', -1, local_day('coalesce(max(reads.read_at), max(logs.happened_at))')
        ) }} as date) as last_day
    from logs
    left join reads on logs.org_id = reads.org_id
    group by logs.org_id
),

changes as (
    select
        *,
        lag(day) over (partition by conversation_id order by happened_at, change_id) as day_before,
        lead(day) over (partition by conversation_id order by happened_at, change_id) as day_after
    from (
        select
            conversation_id,
            change_id,
            happened_at,
            status_before,
            status_after,
            {{ local_day('happened_at') }} as day
        from {{ ref('int_kustomer__changes') }}
        where change_from = 'audit_logs' and status_after is not null
    ) as dated
),

logged as (
    -- The last change of a day holds until the day of the next.
    select
        conversation_id,
        status_after as status,
        day as from_day,
        day_after as until_day
    from changes
    where day_after is null or day_after <> day

    union all

    select
        conversation_id,
        status_before as status,
        cast(null as date) as from_day,
        day as until_day
    from changes
    where day_before is null
),

stretches as (
    -- No change in the log: the status has been one and the same on all days that the log covers.
    select
        conversations.org_id,
        case
            when logged.conversation_id is null then conversations.status else logged.status
        end as status,
        case
            when logged.from_day > conversations.created_day then logged.from_day
            else conversations.created_day
        end as from_day,
        case
            when logged.until_day is null then conversations.deleted_day
            when conversations.deleted_day < logged.until_day then conversations.deleted_day
            else logged.until_day
        end as until_day,
        logged.conversation_id is not null as logged
    from conversations
    left join logged on conversations.conversation_id = logged.conversation_id
),

{{ backlog_of('stretches', 'bounds') }}

select
    org_id,
    day,
    cast(open + snoozed as {{ dbt.type_int() }}) as backlog,
    cast(open as {{ dbt.type_int() }}) as open,
    cast(snoozed as {{ dbt.type_int() }}) as snoozed,
    cast(unlogged as {{ dbt.type_int() }}) as backlog_without_logged_change
from running
