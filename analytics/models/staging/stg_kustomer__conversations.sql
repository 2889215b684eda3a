{{ config(
    materialized=kept_as(),
    unique_key='conversation_id',
    pre_hook="{{ kustomer_analytics.forget_gone('conversations', 'conversation_id') }}",
) }}

with loaded as (
    {{ kustomer_rows('conversations') }}
)

select
    id as conversation_id,
    org_id,
    customer_id,
    queue_id,
    brand_id,
    sub_status_id,
    sla_id,
    sla_version_id,
    status,
    direction,
    priority,
    coalesce(
        {{ json_text('first_message_in', ['channel']) }},
        {{ json_text('first_message_out', ['channel']) }},
        {{ first_text('channels') }},
        'unknown'
    ) as channel,
    coalesce(deleted, false) as deleted,
    coalesce(spam, false) as spam,
    coalesce(merged_target, false) as merged_target,
    created_at,
    updated_at,
    imported_at,
    rev as row_rev,
    {{ json_moment('first_message_in', ['sentAt']) }} as first_message_in_at,
    {{ json_moment('first_response', ['sentAt']) }} as first_response_at,
    {{ json_text('first_response', ['createdBy']) }} as first_response_user_id,
    {{ json_number('first_response', ['time']) }} as first_response_time,
    {{ json_number('first_response', ['businessTime']) }} as first_response_business_time,
    {{ json_moment('last_message_unresponded_to', ['sentAt']) }} as unanswered_since,
    {{ json_moment('first_done', ['createdAt']) }} as first_done_at,
    {{ json_text('first_done', ['createdBy']) }} as first_done_user_id,
    {{ json_number('first_done', ['time']) }} as first_done_time,
    {{ json_number('first_done', ['businessTime']) }} as first_done_business_time,
    {{ json_moment('last_done', ['createdAt']) }} as last_done_at,
    {{ json_text('last_done', ['createdBy']) }} as last_done_user_id,
    {{ json_number('total_open', ['time']) }} as total_open_time,
    {{ json_number('total_snooze', ['time']) }} as total_snooze_time,
    {{ json_number('total_done', ['time']) }} as total_done_time,
    done_count,
    reopen_count,
    reopen_from_done_count,
    message_count,
    {{ json_text('satisfaction_level', ['formResponse']) }} as survey_response_id,
    {{ json_text('satisfaction_level', ['status']) }} as survey_status,
    {{ json_moment('satisfaction_level', ['sentAt']) }} as survey_sent_at,
    coalesce(
        {{ json_moment('satisfaction_level', ['scheduledFor']) }},
        {{ json_moment('satisfaction_level', ['submittedAt']) }},
        {{ json_moment('satisfaction_level', ['createdAt']) }}
    ) as survey_other_at,
    {{ json_text('satisfaction_level', ['sentBy']) }} as survey_sent_by_id,
    {{ json_at('satisfaction_level', ['sentByTeams']) }} as survey_sent_by_teams_doc,
    {{ json_number('satisfaction_level', ['rating']) }} as survey_rating,
    {{ json_number('satisfaction_level', ['score']) }} as survey_score,
    sla as sla_doc,
    tags as tags_doc,
    assigned_users as assigned_users_doc,
    assigned_teams as assigned_teams_doc
from loaded
{%- if adds_to_kept() %}
where {{ is_new_to(this, 'conversation_id') }}
{%- endif %}
