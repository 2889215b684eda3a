with conversations as (
    select * from {{ ref('stg_kustomer__conversations') }}
    where not {{ is_excluded() }}
),

handled as (
    select
        conversation_id,
        sum(handle_seconds) as handle_seconds
    from {{ ref('stg_kustomer__conversation_times') }}
    group by conversation_id
)

select
    conversations.conversation_id,
    conversations.org_id,
    conversations.customer_id,
    conversations.channel,
    conversations.direction,
    conversations.status,
    conversations.priority,
    conversations.queue_id,
    conversations.brand_id,
    conversations.created_at,
    {{ local_day('conversations.created_at') }} as created_day,
    conversations.first_message_in_at,
    conversations.first_response_at,
    conversations.first_response_user_id,
    case
        when conversations.first_response_at >= conversations.first_message_in_at
        then {{ seconds_between(
            'conversations.first_message_in_at', 'conversations.first_response_at'
        ) }}
    end as first_response_seconds,
    case
        when conversations.first_response_at >= conversations.first_message_in_at
        then {{ as_seconds(
            'conversations.first_response_business_time', var('kustomer_duration_unit')
        ) }}
    end as first_response_business_seconds,
    conversations.first_done_at,
    conversations.first_done_user_id,
    case
        when conversations.first_done_at >= conversations.created_at
        then {{ seconds_between('conversations.created_at', 'conversations.first_done_at') }}
    end as first_resolution_seconds,
    case
        when conversations.first_done_at >= conversations.created_at
        then {{ as_seconds(
            'conversations.first_done_business_time', var('kustomer_duration_unit')
        ) }}
    end as first_resolution_business_seconds,
    handled.handle_seconds,
    coalesce(conversations.done_count, 0) > 0 as was_done,
    coalesce(conversations.reopen_from_done_count, 0) as reopen_count,
    coalesce(conversations.done_count, 0) > 0
    and coalesce(conversations.reopen_from_done_count, 0) > 0 as was_reopened,
    conversations.survey_sent_at,
    conversations.survey_rating,
    conversations.survey_score
from conversations
left join handled on conversations.conversation_id = handled.conversation_id
