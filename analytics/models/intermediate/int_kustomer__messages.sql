{# Messages with who wrote them and whether they reached anybody. #}
with messages as (
    select
        messages.*,
        users.user_kind,
        users.user_name
    from {{ ref('stg_kustomer__messages') }} as messages
    left join {{ ref('stg_kustomer__users') }} as users on messages.created_by_id = users.user_id
)

select
    message_id,
    org_id,
    conversation_id,
    channel,
    direction,
    deleted,
    redacted,
    status,
    sent_at,
    imported_at is not null as imported,
    created_by_id,
    user_name,
    created_by_teams_doc,
    response_time,
    response_business_time,
    not deleted and coalesce(status, '') <> 'error' as was_sent,
    case
        when direction = 'in' then 'customer'
        when auto or user_kind = 'machine' or message_source = 'satisfaction' then 'automation'
        -- Whom `users` does not list is not known to be a machine.
        when created_by_type = 'user' and created_by_id is not null then 'person'
        else 'unknown'
    end as author_kind
from messages
