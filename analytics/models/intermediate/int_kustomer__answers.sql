{#
  Per conversation who answered when, from its messages. They may be loaded from some date on only:
  `from_start` says whether the message that began it is among them.
#}
with messages as (
    select * from {{ ref('int_kustomer__messages') }}
    where conversation_id is not null and direction in ('in', 'out')
),

received as (
    select
        conversation_id,
        min(sent_at) as first_in_at
    from messages
    where direction = 'in' and not deleted
    group by conversation_id
),

asked as (
    select
        conversations.conversation_id,
        conversations.first_response_at,
        received.first_in_at,
        case
            when coalesce(conversations.direction, 'in') = 'in'
            then coalesce(conversations.first_message_in_at, received.first_in_at)
        end as asked_at
    from {{ ref('int_kustomer__conversations') }} as conversations
    left join received on conversations.conversation_id = received.conversation_id
    where not conversations.excluded
),

sent as (
    select
        messages.conversation_id,
        min(case
            when messages.was_sent and messages.sent_at >= asked.asked_at then messages.sent_at
        end) as by_anyone_at,
        min(case
            when
                messages.was_sent
                and messages.author_kind = 'person'
                and messages.sent_at >= asked.asked_at
            then messages.sent_at
        end) as by_person_at,
        max(case
            when not messages.was_sent and messages.sent_at = asked.first_response_at
            then 1 else 0
        end) = 1 as response_failed,
        count(distinct case
            when messages.was_sent and messages.author_kind = 'person'
            then messages.created_by_id
        end) as agents,
        {{ count_if("messages.was_sent and messages.author_kind = 'person'") }} as person_messages
    from messages
    inner join asked on messages.conversation_id = asked.conversation_id
    where messages.direction = 'out'
    group by messages.conversation_id
),

first_by_person as (
    select
        messages.conversation_id,
        min(messages.created_by_id) as user_id,
        max(messages.response_business_time) as business_time
    from messages
    inner join sent
        on messages.conversation_id = sent.conversation_id
        and messages.sent_at = sent.by_person_at
    where messages.direction = 'out' and messages.author_kind = 'person' and messages.was_sent
    group by messages.conversation_id
)

select
    asked.conversation_id,
    asked.asked_at,
    coalesce(asked.first_in_at <= asked.asked_at, false) as from_start,
    sent.by_anyone_at,
    sent.by_person_at,
    coalesce(sent.response_failed, false) as response_failed,
    first_by_person.user_id as by_person_user_id,
    first_by_person.business_time as by_person_business_time,
    sent.agents,
    sent.person_messages
from asked
left join sent on asked.conversation_id = sent.conversation_id
left join first_by_person on asked.conversation_id = first_by_person.conversation_id
