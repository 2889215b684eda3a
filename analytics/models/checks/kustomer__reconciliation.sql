{# Ids that Kustomer has and that are missing here, and ids that are gone there. #}
with last_reading as (
    select
        org_id,
        max(started_at) as read_at
    from ({{ kustomer_rows('sync_runs') }}) as runs
    where stream = 'present_ids' and status = 'complete'
    group by org_id
),

present as (
    select ids.org_id, ids.stream, ids.id, last_reading.read_at
    from ({{ kustomer_rows('present_ids') }}) as ids
    inner join last_reading
        on ids.org_id = last_reading.org_id and ids.read_at >= last_reading.read_at
),

loaded as (
    {{ checked_rows('present_ids') }}
),

listed as (
    select distinct org_id, stream, read_at from present
)

select present.org_id, present.stream, present.id, 'missing here' as finding
from present
left join loaded on present.stream = loaded.stream and present.id = loaded.id
where loaded.id is null

union all

select loaded.org_id, loaded.stream, loaded.id, 'gone there' as finding
from loaded
inner join listed on loaded.org_id = listed.org_id and loaded.stream = listed.stream
left join present on loaded.stream = present.stream and loaded.id = present.id
where
    present.id is null
    {#- what is newer may not have been in the index yet #}
    and {{ kustomer_analytics.seconds_between('loaded.created_at', 'listed.read_at') }} > 3600
    and {{ kustomer_analytics.seconds_between('loaded.updated_at', 'listed.read_at') }} > 3600
