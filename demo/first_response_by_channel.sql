-- How long customers wait for a first answer, by the channel they wrote in.
-- From the first message a customer sent in a conversation to the first one that a person sent
-- back; conversations nobody has answered yet are not counted.
with asked as (
    select conversation_id, arg_min(channel, sent_at) as channel, min(sent_at) as asked_at
    from messages
    where direction = 'in' and deleted is not true
    group by conversation_id
),

answered as (
    select asked.channel, asked.asked_at, min(messages.sent_at) as answered_at
    from asked
    inner join messages using (conversation_id)
    where
        messages.direction = 'out'
        and messages.deleted is not true
        and messages.auto is not true
        and messages.sent_at > asked.asked_at
    group by conversation_id, asked.channel, asked.asked_at
)

select
    channel,
    count(*) as conversations,
    median(date_diff('second', asked_at, answered_at)) as median_seconds,
    quantile_cont(date_diff('second', asked_at, answered_at), 0.9) as p90_seconds
from answered
group by channel
order by conversations desc, channel
