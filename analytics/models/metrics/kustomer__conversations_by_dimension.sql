{# Counts and sums, which add up over days and, but for tags, agents and teams, over values. #}
{%- set sums -%}
    count(*) as conversations,
    {{ count_if('conversations.was_asked') }} as asked,
    count(conversations.first_response_seconds) as first_response_n,
    sum(conversations.first_response_seconds) as first_response_seconds_sum,
    count(conversations.full_resolution_seconds) as full_resolution_n,
    sum(conversations.full_resolution_seconds) as full_resolution_seconds_sum,
    {{ count_if('conversations.was_done') }} as done,
    {{ count_if('conversations.was_reopened') }} as reopened,
    {{ count_if('conversations.waiting_since is not null') }} as waiting,
    sum(conversations.handle_seconds) as handle_seconds_sum,
    {{ count_if("conversations.sla_outcome in ('met', 'breached')") }} as sla_decided,
    {{ count_if("conversations.sla_outcome = 'breached'") }} as sla_breached
{%- endset %}
{%- set own = [
    ('brand', 'brand_id', 'max(conversations.brand_name)'),
    ('queue', 'queue_id', 'max(conversations.queue_name)'),
    ('priority', 'priority', 'cast(conversations.priority as ' ~ dbt.type_string() ~ ')'),
] %}
{%- set bridged = [
    ('tag', 'kustomer__bridge_conversation_tag', 'stg_kustomer__tags', 'tag_id', 'tag_name'),
    ('agent', 'kustomer__bridge_conversation_user', 'stg_kustomer__users', 'user_id', 'user_name'),
    ('team', 'kustomer__bridge_conversation_team', 'stg_kustomer__teams', 'team_id', 'team_name'),
] %}
with conversations as (
    select * from {{ ref('kustomer__conversation_metrics') }}
)
{%- for dimension, bridge, names, key, name in bridged %},

of_{{ dimension }} as (
    select
        conversations.org_id,
        conversations.created_day,
        pairs.{{ key }} as value_id,
        {{ sums }}
    from {{ ref(bridge) }} as pairs
    inner join conversations on pairs.conversation_id = conversations.conversation_id
    group by conversations.org_id, conversations.created_day, pairs.{{ key }}
)
{%- endfor %}
{%- for dimension, id, name in own %}

select
    conversations.org_id,
    conversations.created_day as day,
    '{{ dimension }}' as dimension,
    cast(conversations.{{ id }} as {{ dbt.type_string() }}) as value_id,
    {{ name }} as value_name,
    {{ sums }}
from conversations
where conversations.{{ id }} is not null
group by conversations.org_id, conversations.created_day, conversations.{{ id }}

union all
{%- endfor %}
{%- for dimension, bridge, names, key, name in bridged %}

select
    counted.org_id,
    counted.created_day as day,
    '{{ dimension }}' as dimension,
    counted.value_id,
    named.{{ name }} as value_name,
    {%- for column in [
        'conversations', 'asked', 'first_response_n', 'first_response_seconds_sum',
        'full_resolution_n', 'full_resolution_seconds_sum', 'done', 'reopened', 'waiting',
        'handle_seconds_sum', 'sla_decided', 'sla_breached',
    ] %}
    counted.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from of_{{ dimension }} as counted
left join {{ ref(names) }} as named on counted.value_id = named.{{ key }}
{%- if dimension == 'agent' %}
where coalesce(named.user_kind, 'unlisted') <> 'machine'
{%- endif %}
{%- if not loop.last %}

union all
{%- endif %}
{%- endfor %}
