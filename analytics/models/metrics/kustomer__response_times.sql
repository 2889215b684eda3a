select
    messages.message_id,
    messages.conversation_id,
    conversations.org_id,
    conversations.channel,
    messages.created_by_id as user_id,
    messages.user_name,
    messages.sent_at,
    {{ local_day('messages.sent_at') }} as day,
    coalesce(messages.sent_at = conversations.first_response_at, false) as is_first_response,
    {{ as_seconds('messages.response_time', var('kustomer_duration_unit')) }} as response_seconds,
    {{ as_seconds('messages.response_business_time', var('kustomer_duration_unit')) }}
        as response_business_seconds
from {{ ref('int_kustomer__messages') }} as messages
inner join {{ ref('kustomer__conversation_metrics') }} as conversations
    on messages.conversation_id = conversations.conversation_id
where
    messages.direction = 'out'
    and messages.author_kind = 'person'
    and messages.was_sent
    and messages.response_time is not null
    {%- if not var('kustomer_imports_count') | as_bool %}
    and not messages.imported
    and not conversations.imported
    {%- endif %}
