{{ config(
    materialized=kept_as(),
    unique_key='message_id',
    pre_hook="{{ kustomer_analytics.forget_gone('messages', 'message_id') }}",
) }}

with loaded as (
    {{ kustomer_rows('messages') }}
)

select
    id as message_id,
    org_id,
    conversation_id,
    customer_id,
    channel,
    direction,
    direction_type,
    coalesce(auto, false) as auto,
    coalesce(deleted, false) as deleted,
    coalesce(redacted, false) as redacted,
    status,
    source as message_source,
    created_by_id,
    created_by_type,
    created_at,
    updated_at,
    imported_at,
    rev as row_rev,
    coalesce(sent_at, created_at) as sent_at,
    response_time,
    response_business_time,
    assigned_users as assigned_users_doc,
    assigned_teams as assigned_teams_doc,
    created_by_teams as created_by_teams_doc
from loaded
{%- if adds_to_kept() %}
where {{ is_new_to(this, 'message_id') }}
{%- endif %}
