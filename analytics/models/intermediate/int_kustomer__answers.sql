{#
  Per conversation who answered when, from its messages. They may be loaded from some date on only:
  `from_start` says whether the message that began it is among them.
#}
with received as (
    select
        conversation_id,
        min(sent_at) as first_in_at
    from {{ ref('stg_kustomer__messages') }}
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

-- One row per conversation and author: there are far fewer of these than messages.
authors as (
    select
        messages.conversation_id,
        messages.created_by_id,
        messages.author_kind = 'person' as by_person,
        {{ count_if('messages.was_sent') }} as messages_sent,
        min(case
            when messages.was_sent and messages.sent_at >= asked.asked_at then messages.sent_at
        end) as answered_at,
        max(case
            when not messages.was_sent and messages.sent_at = asked.first_response_at
            then 1 else 0
        end) as response_failed
    from {{ ref('int_kustomer__messages') }} as messages
    inner join asked on messages.conversation_id = asked.conversation_id
    where messages.direction = 'out'
    group by
        messages.conversation_id,
        messages.created_by_id,
        messages.author_kind = 'person'
),

sent as (
    select
        conversation_id,
        min(answered_at) as by_anyone_at,
        min(case when by_person then answered_at end) as by_person_at,
        max(response_failed) = 1 as response_failed,
        {{ count_if('by_person and messages_sent > 0') }} as agents,
        sum(case when by_person then messages_sent else 0 end) as person_messages
    from authors
    group by conversation_id
),

first_by_person as (
    select
        sent.conversation_id,
        sent.by_person_at,
        min(authors.created_by_id) as user_id
    from sent
    inner join authors
        on sent.conversation_id = authors.conversation_id
        and sent.by_person_at = authors.answered_at
    where authors.by_person
    group by sent.conversation_id, sent.by_person_at
),

business_times as (
    select
        messages.conversation_id,
        max(messages.response_business_time) as business_time
    from {{ ref('stg_kustomer__messages') }} as messages
    inner join first_by_person
        on messages.conversation_id = first_by_person.conversation_id
        and messages.sent_at = first_by_person.by_person_at
        and messages.created_by_id = first_by_person.user_id
    where messages.direction = 'out' and not messages.auto
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
    business_times.business_time as by_person_business_time,
    sent.agents,
    sent.person_messages
from asked
left join sent on asked.conversation_id = sent.conversation_id
left join first_by_person on asked.conversation_id = first_by_person.conversation_id
left join business_times on asked.conversation_id = business_times.conversation_id
