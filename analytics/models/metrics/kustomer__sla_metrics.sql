with conversations as (
    select * from {{ ref('stg_kustomer__conversations') }}
    where not {{ is_excluded() }}
),

entries as (
    select
        conversations.conversation_id,
        conversations.channel,
        conversations.sla_id,
        conversations.sla_name,
        coalesce(conversations.sla_matched_at, conversations.created_at) as matched_at,
        {{ entry_key('one') }} as metric,
        {{ entry_value('conversations.sla_metrics_doc', 'one') }} as times_doc
    from conversations
    {{ each_entry('conversations.sla_metrics_doc', 'one') }}
),

dated as (
    select
        *,
        {{ json_moment('times_doc', ['breachAt']) }} as due_at,
        {{ json_moment('times_doc', ['satisfiedAt']) }} as satisfied_at
    from entries
)

select
    dated.conversation_id,
    dated.channel,
    dated.sla_id,
    dated.sla_name,
    dated.metric,
    dated.matched_at,
    {{ local_day('dated.matched_at') }} as matched_day,
    dated.due_at,
    dated.satisfied_at,
    case
        when dated.satisfied_at <= dated.due_at then 'met'
        when dated.satisfied_at > dated.due_at then 'breached'
        when dated.due_at is null and dated.satisfied_at is not null then 'met'
        when dated.due_at < last_read.read_at then 'breached'
        else 'pending'
    end as outcome
from dated
cross join {{ ref('stg_kustomer__last_read') }} as last_read
