with sent as (
    select
        {{ local_day('messages.sent_at') }} as day,
        authors.team_id,
        count(*) as messages_sent,
        count(distinct messages.conversation_id) as conversations_answered
    from {{ ref('stg_kustomer__messages') }} as messages
    inner join {{ ref('kustomer__bridge_message_team') }} as authors
        on messages.message_id = authors.message_id and authors.role = 'author'
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on messages.conversation_id = conversations.conversation_id
    where messages.direction = 'out' and not messages.auto and not messages.deleted
    group by {{ local_day('messages.sent_at') }}, authors.team_id
),

entries as (
    select
        {{ local_day('times.handled_at') }} as day,
        {{ element_text('one') }} as team_id,
        times.conversation_id,
        times.handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }} as times
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on times.conversation_id = conversations.conversation_id
    {{ each_element('times.created_by_teams_doc', 'one') }}
    where {{ element_text('one') }} is not null
),

handled as (
    select
        day,
        team_id,
        count(distinct conversation_id) as conversations_handled,
        sum(handle_seconds) as handle_seconds
    from entries
    group by day, team_id
),

joined as (
    select
        coalesce(sent.day, handled.day) as day,
        coalesce(sent.team_id, handled.team_id) as team_id,
        coalesce(sent.messages_sent, 0) as messages_sent,
        coalesce(sent.conversations_answered, 0) as conversations_answered,
        coalesce(handled.conversations_handled, 0) as conversations_handled,
        coalesce(handled.handle_seconds, 0) as handle_seconds
    from sent
    full outer join handled
        on sent.day = handled.day and sent.team_id = handled.team_id
)

select
    joined.day,
    joined.team_id,
    teams.team_name,
    joined.messages_sent,
    joined.conversations_answered,
    joined.conversations_handled,
    joined.handle_seconds
from joined
left join {{ ref('stg_kustomer__teams') }} as teams on joined.team_id = teams.team_id
