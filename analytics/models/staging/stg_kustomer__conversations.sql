with loaded as (
    select * from {{ source('kustomer', 'conversations') }}
),

opened as (
    select
        *,
        {{ json_doc('channels') }} as channels_doc,
        {{ json_doc('first_message_in') }} as first_in,
        {{ json_doc('first_message_out') }} as first_out,
        {{ json_doc('first_response') }} as response,
        {{ json_doc('first_done') }} as done,
        {{ json_doc('satisfaction_level') }} as survey,
        {{ json_doc('sla') }} as sla_doc
    from loaded
)

select
    id as conversation_id,
    org_id,
    customer_id,
    queue_id,
    brand_id,
    sla_id,
    sla_version_id,
    status,
    direction,
    priority,
    coalesce(
        {{ json_text('first_in', ['channel']) }},
        {{ json_text('first_out', ['channel']) }},
        {{ first_text('channels_doc') }},
        'unknown'
    ) as channel,
    coalesce(deleted, false) as deleted,
    coalesce(spam, false) as spam,
    coalesce({{ var('kustomer_merged_when') }}, false) as merged,
    {{ utc('created_at') }} as created_at,
    {{ utc('updated_at') }} as updated_at,
    {{ json_moment('first_in', ['sentAt']) }} as first_message_in_at,
    {{ json_moment('response', ['sentAt']) }} as first_response_at,
    {{ json_text('response', ['createdBy']) }} as first_response_user_id,
    {{ json_number('response', ['time']) }} as first_response_time,
    {{ json_number('response', ['businessTime']) }} as first_response_business_time,
    {{ json_moment('done', ['createdAt']) }} as first_done_at,
    {{ json_text('done', ['createdBy']) }} as first_done_user_id,
    {{ json_number('done', ['time']) }} as first_done_time,
    {{ json_number('done', ['businessTime']) }} as first_done_business_time,
    done_count,
    reopen_from_done_count,
    message_count,
    {{ json_text('survey', ['status']) }} as survey_status,
    {{ json_moment('survey', ['sentAt']) }} as survey_sent_at,
    {{ json_number('survey', ['rating']) }} as survey_rating,
    {{ json_number('survey', ['score']) }} as survey_score,
    {{ json_text('sla_doc', ['name']) }} as sla_name,
    {{ json_moment('sla_doc', ['matchedAt']) }} as sla_matched_at,
    {{ json_text('sla_doc', ['breached']) }} = 'true' as sla_breached,
    {{ json_at('sla_doc', ['metrics']) }} as sla_metrics_doc,
    {{ json_doc('tags') }} as tags_doc,
    {{ json_doc('assigned_users') }} as assigned_users_doc,
    {{ json_doc('assigned_teams') }} as assigned_teams_doc
from opened
