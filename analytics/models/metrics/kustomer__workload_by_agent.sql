with sent as (
    select
        {{ local_day('messages.sent_at') }} as day,
        authors.user_id,
        count(*) as messages_sent,
        count(distinct messages.conversation_id) as conversations_answered
    from {{ ref('stg_kustomer__messages') }} as messages
    inner join {{ ref('kustomer__bridge_message_user') }} as authors
        on messages.message_id = authors.message_id and authors.role = 'author'
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on messages.conversation_id = conversations.conversation_id
    where messages.direction = 'out' and not messages.auto and not messages.deleted
    group by {{ local_day('messages.sent_at') }}, authors.user_id
),

entries as (
    select
        {{ local_day('times.handled_at') }} as day,
        times.user_id,
        times.conversation_id,
        times.handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }} as times
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on times.conversation_id = conversations.conversation_id
    where times.user_id is not null
),

handled as (
    select
        day,
        user_id,
        count(distinct conversation_id) as conversations_handled,
        sum(handle_seconds) as handle_seconds
    from entries
    group by day, user_id
),

joined as (
    select
        coalesce(sent.day, handled.day) as day,
        coalesce(sent.user_id, handled.user_id) as user_id,
        coalesce(sent.messages_sent, 0) as messages_sent,
        coalesce(sent.conversations_answered, 0) as conversations_answered,
        coalesce(handled.conversations_handled, 0) as conversations_handled,
        coalesce(handled.handle_seconds, 0) as handle_seconds
    from sent
    full outer join handled
        on sent.day = handled.day and sent.user_id = handled.user_id
)

select
    joined.day,
    joined.user_id,
    users.user_name,
    joined.messages_sent,
    joined.conversations_answered,
    joined.conversations_handled,
    joined.handle_seconds
from joined
left join {{ ref('stg_kustomer__users') }} as users on joined.user_id = users.user_id
