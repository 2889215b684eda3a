select
    id as conversation_time_id,
    org_id,
    conversation_id,
    created_by_id as user_id,
    created_at,
    coalesce(handle_at, created_at) as handled_at,
    case
        when timer_version = 'v2' then {{ as_seconds('handle_time', 'milliseconds') }}
        else {{ as_seconds('handle_time', var('kustomer_handle_time_unit')) }}
    end as handle_seconds,
    timer_version,
    created_by_teams as created_by_teams_doc
from ({{ kustomer_rows('conversation_times') }}) as loaded
