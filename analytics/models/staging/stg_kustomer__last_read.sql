{#
  Per org the moment up to which the loaded rows tell the truth: when `conversations` was last read
  to the end. Without `sync_runs`, the newest change of a conversation stands in.
#}
with runs as (
    select
        org_id,
        max(ended_at) as read_at
    from ({{ kustomer_rows('sync_runs') }}) as loaded
    where stream = 'conversations' and status = 'complete'
    group by org_id
),

changes as (
    select
        org_id,
        max(coalesce(updated_at, created_at)) as read_at
    from {{ ref('stg_kustomer__conversations') }}
    group by org_id
)

select
    changes.org_id,
    coalesce(runs.read_at, changes.read_at) as read_at,
    case when runs.read_at is null then 'newest change' else 'sync_runs' end as read_at_from
from changes
left join runs on changes.org_id = runs.org_id
