select
    org_id,
    closed_day as day,
    channel,
    count(*) as closed,
    {{ spread_of('full_resolution_seconds', 'seconds') }},
    count(was_one_touch) as one_touch_n,
    {{ count_if('was_one_touch') }} as one_touch,
    {{ share_of(count_if('was_one_touch'), 'count(was_one_touch)') }} as one_touch_rate,
    count(was_first_contact) as first_contact_n,
    {{ count_if('was_first_contact') }} as first_contact,
    {{ share_of(count_if('was_first_contact'), 'count(was_first_contact)') }}
        as first_contact_rate,
    count(agents) as agents_n,
    avg(agents) as mean_agents
from {{ ref('kustomer__conversation_metrics') }}
where closed_day is not null
group by org_id, closed_day, channel
