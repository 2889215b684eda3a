with entries as (
    select
        conversations.org_id,
        {{ local_day('times.handled_at') }} as day,
        conversations.channel,
        times.conversation_id,
        times.handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }} as times
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on times.conversation_id = conversations.conversation_id
    left join {{ ref('stg_kustomer__users') }} as users on times.user_id = users.user_id
    where coalesce(users.user_kind, 'unlisted') <> 'machine'
)

select
    org_id,
    day,
    channel,
    count(*) as entries,
    count(distinct conversation_id) as conversations,
    sum(handle_seconds) as handle_seconds,
    {{ share_of('sum(handle_seconds)', 'count(distinct conversation_id)') }}
        as seconds_per_conversation
from entries
group by org_id, day, channel
