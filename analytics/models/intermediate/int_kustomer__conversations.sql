{# Conversations with the names of what they point to, and whether metrics count them. #}
with deletions as (
    select
        object_id as conversation_id,
        min(happened_at) as deleted_at
    from {{ ref('stg_kustomer__audit_logs') }}
    where object_type = 'conversation' and event_verb = 'delete'
    group by object_id
),

conversations as (
    select
        conversations.conversation_id,
        conversations.org_id,
        conversations.customer_id,
        conversations.channel,
        conversations.direction,
        conversations.status,
        conversations.priority,
        conversations.queue_id,
        queues.queue_name,
        conversations.brand_id,
        brands.brand_name,
        conversations.sub_status_id,
        conversations.sla_id,
        conversations.sla_version_id,
        conversations.deleted or deletions.conversation_id is not null as deleted,
        deletions.deleted_at as logged_deleted_at,
        conversations.spam,
        conversations.merged_target,
        conversations.imported_at,
        conversations.imported_at is not null as imported,
        {{ 'true' if var('kustomer_imports_count') | as_bool else 'conversations.imported_at is null' }}
            as is_measured,
        conversations.created_at,
        conversations.updated_at,
        conversations.first_message_in_at,
        conversations.first_response_at,
        conversations.first_response_user_id,
        conversations.first_response_time,
        conversations.first_response_business_time,
        conversations.unanswered_since,
        conversations.first_done_at,
        conversations.first_done_user_id,
        conversations.first_done_time,
        conversations.first_done_business_time,
        conversations.last_done_at,
        conversations.last_done_user_id,
        conversations.total_open_time,
        conversations.total_snooze_time,
        conversations.total_done_time,
        conversations.done_count,
        conversations.reopen_count,
        conversations.reopen_from_done_count,
        conversations.message_count,
        conversations.survey_response_id,
        conversations.survey_status,
        conversations.survey_sent_at,
        conversations.survey_other_at,
        conversations.survey_sent_by_id,
        conversations.survey_sent_by_teams_doc,
        conversations.survey_rating,
        conversations.survey_score,
        conversations.sla_doc,
        conversations.tags_doc,
        conversations.assigned_users_doc,
        conversations.assigned_teams_doc
    from {{ ref('stg_kustomer__conversations') }} as conversations
    left join deletions on conversations.conversation_id = deletions.conversation_id
    left join {{ ref('stg_kustomer__queues') }} as queues
        on conversations.queue_id = queues.queue_id
    left join {{ ref('stg_kustomer__brands') }} as brands
        on conversations.brand_id = brands.brand_id
)

select
    *,
    {{ is_excluded() }} as excluded
from conversations
