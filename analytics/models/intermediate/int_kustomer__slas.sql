{{ config(materialized='table') }}
{#
  Each SLA that a conversation matched, one row per version: the one it has now, and those it had
  before, as far as logged changes tell.
#}
with documents as (
    select
        conversation_id,
        sla_doc,
        updated_at as seen_at,
        1 as is_current
    from {{ ref('int_kustomer__conversations') }}
    where not excluded and sla_doc is not null

    union all

    select
        conversation_id,
        sla_before_doc as sla_doc,
        happened_at as seen_at,
        0 as is_current
    from {{ ref('int_kustomer__changes') }}
    where sla_before_doc is not null
),

opened as (
    select
        conversation_id,
        seen_at,
        is_current,
        {{ json_text('sla_doc', ['name']) }} as sla_name,
        {{ json_text('sla_doc', ['version']) }} as sla_version,
        {{ json_moment('sla_doc', ['matchedAt']) }} as matched_at,
        {{ json_text('sla_doc', ['breached']) }} as breached,
        {{ json_text('sla_doc', ['status']) }} as sla_status,
        {{ json_text('sla_doc', ['breach', 'metric']) }} as breach_metric,
        {{ json_at('sla_doc', ['metrics']) }} as metrics_doc
    from documents
),

placed as (
    select
        *,
        row_number() over (
            partition by conversation_id, sla_name, sla_version, matched_at
            order by is_current desc, seen_at desc
        ) as place
    from opened
    where matched_at is not null or breached is not null or metrics_doc is not null
)

select
    placed.conversation_id
    || ' ' || coalesce(placed.sla_name, '') || ' ' || coalesce(placed.sla_version, '')
    || ' ' || coalesce(cast(placed.matched_at as {{ dbt.type_string() }}), '') as agreement_id,
    placed.conversation_id,
    conversations.org_id,
    conversations.channel,
    case when placed.is_current = 1 then conversations.sla_id end as sla_id,
    placed.sla_name,
    placed.sla_version,
    coalesce(placed.matched_at, conversations.created_at) as matched_at,
    placed.is_current = 1 as is_current,
    case
        when placed.breached = 'true' or placed.sla_status = 'breached' then 'breached'
        when placed.sla_status = 'satisfied' then 'met'
        when placed.breached = 'false' then 'not breached'
    end as verdict,
    placed.breach_metric,
    placed.metrics_doc
from placed
inner join {{ ref('int_kustomer__conversations') }} as conversations
    on placed.conversation_id = conversations.conversation_id
where placed.place = 1 and not conversations.excluded
