with conversations as (
    select * from {{ ref('int_kustomer__conversations') }}
    where not excluded
),

responses as (
    select * from {{ ref('stg_kustomer__satisfaction_responses') }}
),

surveys as (
    select
        responses.satisfaction_response_id as survey_id,
        responses.conversation_id,
        responses.status,
        responses.rating,
        responses.score,
        responses.sent_at,
        coalesce(responses.sent_at, responses.other_at) as known_at,
        responses.sent_by_id,
        responses.sent_by_teams_doc,
        'satisfaction_responses' as survey_from
    from responses

    union all

    -- The latest survey of a conversation, where it is not among the responses.
    select
        coalesce(
            conversations.survey_response_id, 'conversation ' || conversations.conversation_id
        ) as survey_id,
        conversations.conversation_id,
        conversations.survey_status as status,
        conversations.survey_rating as rating,
        conversations.survey_score as score,
        conversations.survey_sent_at as sent_at,
        coalesce(conversations.survey_sent_at, conversations.survey_other_at) as known_at,
        conversations.survey_sent_by_id as sent_by_id,
        conversations.survey_sent_by_teams_doc as sent_by_teams_doc,
        'conversation' as survey_from
    from conversations
    left join responses
        on conversations.survey_response_id = responses.satisfaction_response_id
    where
        responses.satisfaction_response_id is null
        and coalesce(
            conversations.survey_response_id,
            conversations.survey_status,
            cast(conversations.survey_rating as {{ dbt.type_string() }}),
            cast(conversations.survey_score as {{ dbt.type_string() }}),
            cast(conversations.survey_sent_at as {{ dbt.type_string() }})
        ) is not null
)

select
    surveys.survey_id,
    surveys.conversation_id,
    conversations.org_id,
    conversations.customer_id,
    conversations.channel,
    surveys.status,
    surveys.sent_at,
    {{ local_day('coalesce(surveys.known_at, conversations.updated_at)') }} as day,
    case
        when surveys.sent_at is not null then 'sent_at'
        when surveys.known_at is not null then 'another moment of the survey'
        else 'last change of the conversation'
    end as day_from,
    surveys.rating,
    surveys.score,
    -- A scheduled survey has not reached anybody yet.
    coalesce(surveys.status, '') <> 'scheduled' or surveys.rating is not null as was_sent,
    surveys.rating is not null as was_rated,
    surveys.score is not null as was_scored,
    coalesce(surveys.score = 1, false) as was_satisfied,
    surveys.sent_by_id,
    surveys.sent_by_teams_doc,
    surveys.survey_from
from surveys
inner join conversations on surveys.conversation_id = conversations.conversation_id
