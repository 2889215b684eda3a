with written as (
    select distinct
        conversations.org_id,
        {{ local_day('messages.sent_at') }} as day,
        {{ element_text('one') }} as team_id,
        messages.message_id,
        messages.conversation_id
    from {{ ref('int_kustomer__messages') }} as messages
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on messages.conversation_id = conversations.conversation_id
    {{ each_element('messages.created_by_teams_doc', 'one') }}
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
        team_id,
        count(*) as messages_sent,
        count(distinct conversation_id) as conversations_answered
    from written
    where team_id is not null
    group by org_id, day, team_id
),

entries as (
    select distinct
        conversations.org_id,
        {{ local_day('times.handled_at') }} as day,
        {{ element_text('one') }} as team_id,
        times.conversation_time_id,
        times.conversation_id,
        times.handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }} as times
    inner join {{ ref('kustomer__conversation_metrics') }} as conversations
        on times.conversation_id = conversations.conversation_id
    left join {{ ref('stg_kustomer__users') }} as users on times.user_id = users.user_id
    {{ each_element('times.created_by_teams_doc', 'one') }}
    where coalesce(users.user_kind, 'unlisted') <> 'machine'
),

handled as (
    select
        org_id,
        day,
        team_id,
        count(distinct conversation_id) as conversations_handled,
        sum(handle_seconds) as handle_seconds
    from entries
    where team_id is not null
    group by org_id, day, team_id
),

joined as (
    select
        coalesce(sent.org_id, handled.org_id) as org_id,
        coalesce(sent.day, handled.day) as day,
        coalesce(sent.team_id, handled.team_id) as team_id,
        coalesce(sent.messages_sent, 0) as messages_sent,
        coalesce(sent.conversations_answered, 0) as conversations_answered,
        coalesce(handled.conversations_handled, 0) as conversations_handled,
        coalesce(handled.handle_seconds, 0) as handle_seconds
    from sent
    full outer join handled
        on sent.org_id = handled.org_id
        and sent.day = handled.day
        and sent.team_id = handled.team_id
)

select
    joined.org_id,
    joined.day,
    joined.team_id,
    named.team_name,
    joined.messages_sent,
    joined.conversations_answered,
    joined.conversations_handled,
    joined.handle_seconds
from joined
left join {{ ref('stg_kustomer__teams') }} as named on joined.team_id = named.team_id
