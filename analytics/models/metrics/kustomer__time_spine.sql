{# The days of the semantic layer: from the first conversation to the last reading. #}
with bounds as (
    select
        'all' as org_id,
        {{ local_day('min(conversations.created_at)') }} as first_day,
        {{ local_day('max(last_read.read_at)') }} as last_day
    from {{ ref('stg_kustomer__conversations') }} as conversations
    inner join {{ ref('stg_kustomer__last_read') }} as last_read
        on conversations.org_id = last_read.org_id
),

days as (
    {{ days_of('bounds') }}
)

select day as date_day
from days
