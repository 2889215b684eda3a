-- How long customers wait for a first answer, by the channel they wrote in.
-- From the first message of the customer to the first response of a person, both as Kustomer keeps
-- them in the conversation. Two moments are compared, so no unit has to be believed; conversations
-- that nobody has answered yet, and those that the org itself began, are not counted.
with answered as (
    select
        first_message_in ->> 'channel' as channel,
        cast(first_message_in ->> 'sentAt' as timestamp) as asked_at,
        cast(first_response ->> 'sentAt' as timestamp) as answered_at
    from conversations
    where deleted is not true and spam is not true
)

select
    channel,
    count(*) as conversations,
    median(date_diff('second', asked_at, answered_at)) as median_seconds,
    quantile_cont(date_diff('second', asked_at, answered_at), 0.9) as p90_seconds
from answered
where answered_at > asked_at
group by channel
order by conversations desc, channel
