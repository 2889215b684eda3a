with handled as (
    select
        times.conversation_id,
        sum(times.handle_seconds) as handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }} as times
    left join {{ ref('stg_kustomer__users') }} as users on times.user_id = users.user_id
    where coalesce(users.user_kind, 'unlisted') <> 'machine'
    group by times.conversation_id
),

slas as (
    select
        conversation_id,
        max(case when outcome = 'breached' then 1 else 0 end) as breached,
        max(case when outcome = 'pending' then 1 else 0 end) as pending,
        -- Of several metrics, a breach that Kustomer tells of decides.
        max(case when outcome = 'breached' and decided_by = 'kustomer' then 1 else 0 end) = 0
        and max(case when decided_by = 'timestamps' then 1 else 0 end) = 1 as by_timestamps,
        max(case when not is_current then 1 else 0 end) as has_history
    from {{ ref('kustomer__sla_metrics') }}
    group by conversation_id
),

surveys as (
    select
        conversation_id,
        {{ count_if('was_sent') }} as surveys_sent,
        {{ count_if('was_rated') }} as surveys_rated,
        {{ count_if('was_scored') }} as surveys_scored,
        {{ count_if('was_satisfied') }} as surveys_satisfied
    from {{ ref('kustomer__surveys') }}
    group by conversation_id
),

next_contacts as (
    select
        conversation_id,
        lead(created_at) over (
            partition by org_id, customer_id order by created_at, conversation_id
        ) as next_at
    from {{ ref('int_kustomer__conversations') }}
    where not excluded and coalesce(direction, 'in') = 'in' and customer_id is not null
),

joined as (
    select
        conversations.*,
        last_read.read_at,
        answers.asked_at,
        answers.from_start,
        answers.agents,
        answers.person_messages,
        answers.by_anyone_at,
        answers.by_person_at,
        answers.by_person_user_id,
        answers.by_person_business_time,
        handled.handle_seconds,
        slas.breached as sla_breached,
        slas.pending as sla_pending,
        slas.by_timestamps as sla_by_timestamps,
        slas.has_history as sla_has_history,
        surveys.surveys_sent,
        surveys.surveys_rated,
        surveys.surveys_scored,
        surveys.surveys_satisfied,
        next_contacts.next_at,
        -- Kustomer's own first response, unless it is older than the question or failed.
        case
            when
                conversations.first_response_at >= answers.asked_at
                and not answers.response_failed
            then conversations.first_response_at
        end as own_response_at,
        coalesce(responders.user_kind, 'unlisted') in ('person', 'unlisted')
        and conversations.first_response_user_id is not null as own_response_by_person,
        conversations.status = 'done' as is_done,
        coalesce(conversations.done_count, 0) > 0 as was_done,
        coalesce(conversations.reopen_from_done_count, conversations.reopen_count, 0) > 0
            as came_back
    from {{ ref('int_kustomer__conversations') }} as conversations
    inner join {{ ref('stg_kustomer__last_read') }} as last_read
        on conversations.org_id = last_read.org_id
    inner join {{ ref('int_kustomer__answers') }} as answers
        on conversations.conversation_id = answers.conversation_id
    left join handled on conversations.conversation_id = handled.conversation_id
    left join slas on conversations.conversation_id = slas.conversation_id
    left join surveys on conversations.conversation_id = surveys.conversation_id
    left join next_contacts on conversations.conversation_id = next_contacts.conversation_id
    left join {{ ref('stg_kustomer__users') }} as responders
        on conversations.first_response_user_id = responders.user_id
    where not conversations.excluded
),

answered as (
    select
        *,
        -- Messages tell who answered first, where they are loaded from the first on.
        case
            when from_start and by_anyone_at is not null then by_anyone_at
            else own_response_at
        end as response_by_anyone_at,
        case
            when from_start and by_person_at is not null then by_person_at
            when own_response_by_person then own_response_at
        end as response_by_person_at,
        case
            when from_start and by_person_at is not null then by_person_user_id
            when own_response_by_person and own_response_at is not null
            then first_response_user_id
        end as response_by_person_user_id,
        case
            when from_start and by_person_at is not null
            then coalesce(
                by_person_business_time,
                case when by_person_at = own_response_at then first_response_business_time end
            )
            when own_response_by_person and own_response_at is not null
            then first_response_business_time
        end as response_by_person_business_time,
        case
            when from_start and by_person_at is not null then 'messages'
            when own_response_by_person and own_response_at is not null then 'conversation'
        end as response_by_person_from
    from joined
),

measured as (
    select
        *,
        {{ local_time('created_at') }} as created_local,
        {{ seconds_between('asked_at', 'response_by_anyone_at') }} as by_anyone_seconds,
        {{ seconds_between('asked_at', 'response_by_person_at') }} as by_person_seconds,
        case
            when is_done and last_done_at >= created_at
            then {{ seconds_between('created_at', 'last_done_at') }}
        end as done_seconds,
        case
            when not is_done and unanswered_since is not null then unanswered_since
            when not is_done and response_by_person_at is null then asked_at
        end as waiting_since
    from answered
)

{%- set by_person = var('kustomer_first_response_by') == 'person' %}
{%- if var('kustomer_first_response_by') not in ('person', 'anyone') %}
{{ exceptions.raise_compiler_error("kustomer_first_response_by is `person` or `anyone`.") }}
{%- endif %}

select
    conversation_id,
    org_id,
    customer_id,
    channel,
    direction,
    status,
    priority,
    queue_id,
    queue_name,
    brand_id,
    brand_name,
    imported,
    created_at,
    cast(created_local as date) as created_day,
    {{ weekday_of('created_local') }} as created_weekday,
    cast(extract(hour from created_local) as {{ dbt.type_int() }}) as created_hour,

    asked_at is not null and is_measured as was_asked,
    asked_at,
    {% if by_person -%}
    response_by_person_at
    {%- else -%}
    response_by_anyone_at
    {%- endif %} as first_response_at,
    {% if by_person -%}
    response_by_person_user_id
    {%- else -%}
    case
        when response_by_anyone_at = response_by_person_at then response_by_person_user_id
    end
    {%- endif %} as first_response_user_id,
    response_by_person_from as first_response_from,
    case
        when is_measured then {{ 'by_person_seconds' if by_person else 'by_anyone_seconds' }}
    end as first_response_seconds,
    case when is_measured then by_person_seconds end as first_response_by_person_seconds,
    case when is_measured then by_anyone_seconds end as first_response_by_anyone_seconds,
    case
        {%- if by_person %}
        when is_measured and by_person_seconds is not null
        then {{ as_seconds('response_by_person_business_time', var('kustomer_duration_unit')) }}
        {%- else %}
        when is_measured and response_by_anyone_at = own_response_at
        then {{ as_seconds('first_response_business_time', var('kustomer_duration_unit')) }}
        when is_measured and response_by_anyone_at = response_by_person_at
        then {{ as_seconds('response_by_person_business_time', var('kustomer_duration_unit')) }}
        {%- endif %}
    end as first_response_business_seconds,

    waiting_since,
    case
        when waiting_since <= read_at then {{ seconds_between('waiting_since', 'read_at') }}
    end as waiting_seconds,

    first_done_at,
    first_done_user_id,
    case
        when is_measured and first_done_at >= created_at
        then {{ seconds_between('created_at', 'first_done_at') }}
    end as first_resolution_seconds,
    case
        when is_measured and first_done_at >= created_at
        then {{ as_seconds('first_done_business_time', var('kustomer_duration_unit')) }}
    end as first_resolution_business_seconds,
    case when is_done then last_done_at end as closed_at,
    case when is_done then {{ local_day('last_done_at') }} end as closed_day,
    case when is_measured then done_seconds end as full_resolution_seconds,

    is_done,
    was_done,
    coalesce(reopen_count, 0) as reopen_count,
    coalesce(reopen_from_done_count, 0) as reopen_from_done_count,
    was_done and came_back as was_reopened,
    case when from_start or person_messages is not null then coalesce(agents, 0) end as agents,
    case
        when from_start or person_messages is not null then coalesce(person_messages, 0)
    end as person_messages,
    case
        when is_done and from_start and is_measured
        then coalesce(person_messages, 0) = 1 and not came_back
    end as was_one_touch,
    -- Unknown until the days within which the customer may come back have passed.
    case
        when not is_done or asked_at is null or last_done_at is null or not is_measured then null
        when came_back then false
        when next_at <= {{ dbt.dateadd(
            'day', var('kustomer_first_contact_days') | int, 'last_done_at'
        ) }} then false
        when read_at >= {{ dbt.dateadd(
            'day', var('kustomer_first_contact_days') | int, 'last_done_at'
        ) }} then true
    end as was_first_contact,

    {{ as_seconds('total_open_time', var('kustomer_duration_unit')) }} as open_seconds,
    {{ as_seconds('total_snooze_time', var('kustomer_duration_unit')) }} as snoozed_seconds,
    {{ as_seconds('total_done_time', var('kustomer_duration_unit')) }} as done_seconds,
    handle_seconds,

    sla_id,
    case
        when sla_breached = 1 then 'breached'
        when sla_pending = 1 then 'pending'
        when sla_breached = 0 then 'met'
    end as sla_outcome,
    case
        when sla_breached is null then null
        when sla_by_timestamps then 'timestamps'
        else 'kustomer'
    end as sla_decided_by,
    -- Whether an SLA that the conversation had before would be known of.
    {{ 'true' if kustomer_is_loaded('audit_logs') or kustomer_is_loaded('webhook_events')
        or kustomer_is_loaded('conversation_events') else 'false' }} as sla_history_loaded,
    coalesce(sla_has_history, 0) = 1 as sla_changed,

    coalesce(surveys_sent, 0) as surveys_sent,
    coalesce(surveys_rated, 0) as surveys_rated,
    coalesce(surveys_scored, 0) as surveys_scored,
    coalesce(surveys_satisfied, 0) as surveys_satisfied,
    survey_rating as latest_rating,
    survey_score as latest_score,
    read_at
from measured
