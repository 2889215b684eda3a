with conversations as (
    select
        org_id,
        first_response_time,
        first_done_time,
        {{ seconds_between('first_message_in_at', 'first_response_at') }} as response_seconds,
        {{ seconds_between('created_at', 'first_done_at') }} as done_seconds
    from {{ ref('stg_kustomer__conversations') }}
    where imported_at is null
),

ratios as (
    select
        org_id,
        'first_response.time' as measure,
        first_response_time / response_seconds as ratio
    from conversations
    where response_seconds >= 1 and first_response_time > 0

    union all

    select
        org_id,
        'first_done.time' as measure,
        first_done_time / done_seconds as ratio
    from conversations
    where done_seconds >= 1 and first_done_time > 0
),

medians as (
    select
        org_id,
        measure,
        count(*) as rows_compared,
        {{ percentile('ratio', 0.5) }} as median_ratio
    from ratios
    group by org_id, measure
),

judged as (
    select
        org_id,
        measure,
        rows_compared,
        median_ratio,
        case
            when median_ratio between 900 and 1100 then 'milliseconds'
            when median_ratio between 0.9 and 1.1 then 'seconds'
            else 'unclear'
        end as likely_unit
    from medians
)

select
    org_id,
    measure,
    rows_compared,
    median_ratio,
    likely_unit,
    '{{ var("kustomer_duration_unit") }}' as configured_unit,
    likely_unit = '{{ var("kustomer_duration_unit") }}' as agrees
from judged
