{# Time in each status: Kustomer's own totals, and the same from logged changes where they are loaded. #}
with changes as (
    select
        changes.conversation_id,
        changes.status_after as status,
        changes.happened_at,
        lead(changes.happened_at) over (
            partition by changes.conversation_id
            order by changes.happened_at, changes.change_id
        ) as until_at
    from {{ ref('int_kustomer__changes') }} as changes
    where changes.status_after is not null
),

stretches as (
    select
        changes.conversation_id,
        changes.status,
        {{ seconds_between(
            'changes.happened_at', 'coalesce(changes.until_at, conversations.read_at)'
        ) }} as seconds
    from changes
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on changes.conversation_id = conversations.conversation_id
),

logged as (
    select
        conversation_id,
        status,
        sum(seconds) as seconds_by_changes
    from stretches
    group by conversation_id, status
),

totals as (
    {%- for status, column in [
        ('open', 'open_seconds'), ('snoozed', 'snoozed_seconds'), ('done', 'done_seconds')
    ] %}
    select
        conversation_id,
        org_id,
        channel,
        '{{ status }}' as status,
        {{ column }} as seconds
    from {{ ref('kustomer__conversation_metrics') }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
)

select
    totals.conversation_id,
    totals.org_id,
    totals.channel,
    totals.status,
    totals.seconds,
    logged.seconds_by_changes
from totals
left join logged
    on totals.conversation_id = logged.conversation_id and totals.status = logged.status
where totals.seconds is not null or logged.seconds_by_changes is not null
