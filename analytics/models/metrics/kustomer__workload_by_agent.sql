with written as (
    select
        conversations.org_id,
        {{ local_day('messages.sent_at') }} as day,
        messages.created_by_id as user_id,
        messages.conversation_id
    from {{ ref('int_kustomer__messages') }} as messages
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on messages.conversation_id = conversations.conversation_id
    where
        messages.direction = 'out'
        and messages.author_kind = 'person'
        and messages.was_sent
        {%- if not var('kustomer_imports_count') | as_bool %}
        and not messages.imported
        and not conversations.imported
        {%- endif %}
),

sent as (
    select
        org_id,
        day,
        user_id,
        count(*) as messages_sent,
        count(distinct conversation_id) as conversations_answered
    from written
    where user_id is not null
    group by org_id, day, user_id
),

entries as (
    select
        conversations.org_id,
        {{ local_day('times.handled_at') }} as day,
        times.user_id,
        times.conversation_id,
        times.handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }} as times
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on times.conversation_id = conversations.conversation_id
    left join {{ ref('stg_kustomer__users') }} as users on times.user_id = users.user_id
    where coalesce(users.user_kind, 'unlisted') <> 'machine'
),

handled as (
    select
        org_id,
        day,
        user_id,
        count(distinct conversation_id) as conversations_handled,
        sum(handle_seconds) as handle_seconds
    from entries
    where user_id is not null
    group by org_id, day, user_id
),

joined as (
    select
        coalesce(sent.org_id, handled.org_id) as org_id,
        coalesce(sent.day, handled.day) as day,
        coalesce(sent.user_id, handled.user_id) as user_id,
        coalesce(sent.messages_sent, 0) as messages_sent,
        coalesce(sent.conversations_answered, 0) as conversations_answered,
        coalesce(handled.conversations_handled, 0) as conversations_handled,
        coalesce(handled.handle_seconds, 0) as handle_seconds
    from sent
    full outer join handled
        on sent.org_id = handled.org_id
        and sent.day = handled.day
        and sent.user_id = handled.user_id
)

select
    joined.org_id,
    joined.day,
    joined.user_id,
    named.user_name,
    coalesce(named.user_kind, 'unlisted') as user_kind,
    joined.messages_sent,
    joined.conversations_answered,
    joined.conversations_handled,
    joined.handle_seconds
from joined
left join {{ ref('stg_kustomer__users') }} as named on joined.user_id = named.user_id
