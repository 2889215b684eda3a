with surveys as (
    select
        *,
        {{ local_day('survey_sent_at') }} as sent_day
    from {{ ref('kustomer__conversation_metrics') }}
    where survey_sent_at is not null
)

select
    sent_day as day,
    channel,
    count(*) as sent,
    count(survey_rating) as rated,
    {{ share_of('count(survey_rating)', 'count(*)') }} as response_rate,
    avg(survey_rating) as mean_rating,
    {{ count_if('survey_score = 1') }} as satisfied,
    {{ share_of(count_if('survey_score = 1'), 'count(survey_score)') }} as csat
from surveys
group by sent_day, channel
