{# Ids that Kustomer has and that are missing here, and ids that are gone there. #}
with last_reading as (
    select max(started_at) as read_at
    from ({{ kustomer_rows('sync_runs') }}) as runs
    where stream = 'present_ids' and status = 'complete'
),

present as (
    select ids.stream, ids.id, last_reading.read_at
    from ({{ kustomer_rows('present_ids') }}) as ids
    inner join last_reading on ids.read_at >= last_reading.read_at
),

loaded as (
    {{ checked_rows('present_ids') }}
),

listed as (
    select distinct stream from present
)

select present.stream, present.id, 'missing here' as finding
from present
left join loaded on present.stream = loaded.stream and present.id = loaded.id
where loaded.id is null

union all

select loaded.stream, loaded.id, 'gone there' as finding
from loaded
inner join listed on loaded.stream = listed.stream
cross join last_reading
left join present on loaded.stream = present.stream and loaded.id = present.id
where
    present.id is null
    {#- what is newer may not have been in the index yet #}
    and {{ kustomer_analytics.seconds_between('loaded.created_at', 'last_reading.read_at') }} > 3600
    and {{ kustomer_analytics.seconds_between('loaded.updated_at', 'last_reading.read_at') }} > 3600
