{# Surveys by whom they are about: who sent it, else whom the conversation is assigned to. #}
with surveys as (
    select
        surveys.*,
        users.user_kind
    from {{ ref('kustomer__surveys') }} as surveys
    left join {{ ref('stg_kustomer__users') }} as users on surveys.sent_by_id = users.user_id
    where surveys.was_sent
),

sent_teams as (
    select distinct
        surveys.survey_id,
        {{ element_text('one') }} as team_id
    from surveys
    {{ each_element('surveys.sent_by_teams_doc', 'one') }}
    where {{ element_text('one') }} is not null
),

about as (
    select
        survey_id,
        'agent' as dimension,
        sent_by_id as value_id
    from surveys
    where sent_by_id is not null and coalesce(user_kind, 'unlisted') <> 'machine'

    union all

    select
        surveys.survey_id,
        'agent' as dimension,
        assigned.user_id as value_id
    from surveys
    inner join {{ ref('kustomer__bridge_conversation_user') }} as assigned
        on surveys.conversation_id = assigned.conversation_id
    where surveys.sent_by_id is null or coalesce(surveys.user_kind, 'unlisted') = 'machine'

    union all

    select
        survey_id,
        'team' as dimension,
        team_id as value_id
    from sent_teams

    union all

    select
        surveys.survey_id,
        'team' as dimension,
        assigned.team_id as value_id
    from surveys
    inner join {{ ref('kustomer__bridge_conversation_team') }} as assigned
        on surveys.conversation_id = assigned.conversation_id
    left join (select distinct survey_id from sent_teams) as known
        on surveys.survey_id = known.survey_id
    where known.survey_id is null

    union all

    select
        surveys.survey_id,
        'tag' as dimension,
        tags.tag_id as value_id
    from surveys
    inner join {{ ref('kustomer__bridge_conversation_tag') }} as tags
        on surveys.conversation_id = tags.conversation_id
),

named as (
    select 'agent' as dimension, user_id as value_id, user_name as value_name
    from {{ ref('stg_kustomer__users') }}

    union all

    select 'team' as dimension, team_id as value_id, team_name as value_name
    from {{ ref('stg_kustomer__teams') }}

    union all

    select 'tag' as dimension, tag_id as value_id, tag_name as value_name
    from {{ ref('stg_kustomer__tags') }}
)

select
    surveys.org_id,
    surveys.day,
    about.dimension,
    about.value_id,
    max(named.value_name) as value_name,
    {{ csat_columns() }}
from about
inner join surveys on about.survey_id = surveys.survey_id
left join named on about.dimension = named.dimension and about.value_id = named.value_id
group by surveys.org_id, surveys.day, about.dimension, about.value_id
