{#
  Rows that are here and rows that Kustomer counts, month by month of creation. Empty where
  `row_counts` is not loaded.
#}
with counts as (
    {{ kustomer_rows('row_counts') }}
),

loaded as (
    {{ checked_rows('row_counts') }}
),

dated as (
    select
        counts.*,
        {{ dbt.dateadd('month', 1, 'counts.month') }} as month_end,
        {{ dbt.dateadd('day', -730, 'counts.counted_at') }} as edge
    from counts
    where counts.stream in ('conversations', 'customers', 'messages')
),

compared as (
    select
        dated.org_id,
        dated.stream,
        dated.month,
        dated.counted_at,
        max(dated.live_rows + coalesce(dated.archived_rows, 0)) as counted_rows,
        count(loaded.id) as loaded_rows,
        {#- rows that crossed from one search to the other while they were counted #}
        sum(case when {{ kustomer_analytics.seconds_between('dated.edge', 'loaded.updated_at') }}
            between -86400 and 86400 then 1 else 0 end) as rows_at_edge
    from dated
    left join loaded
        on dated.stream = loaded.stream
        and dated.org_id = loaded.org_id
        and loaded.created_at >= dated.month
        and loaded.created_at < dated.month_end
        and loaded.created_at <= dated.counted_at
        and (dated.archived_rows is not null or loaded.updated_at >= dated.edge)
    group by dated.org_id, dated.stream, dated.month, dated.counted_at
)

select
    *,
    loaded_rows - counted_rows as difference,
    loaded_rows - counted_rows between 0 and rows_at_edge as complete
from compared
