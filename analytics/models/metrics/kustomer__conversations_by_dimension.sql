{# Counts and sums, which add up over days and, but for tags, agents and teams, over values. #}
with conversations as (
    select * from {{ ref('kustomer__conversation_metrics') }}
),

valued as (
    {%- for dimension, id, name in [
        ('brand', 'brand_id', 'brand_name'),
        ('queue', 'queue_id', 'queue_name'),
        ('priority', 'cast(priority as ' ~ dbt.type_string() ~ ')', none),
    ] %}
    select
        conversation_id,
        '{{ dimension }}' as dimension,
        {{ id }} as value_id,
        {{ name or 'cast(priority as ' ~ dbt.type_string() ~ ')' }} as value_name
    from conversations

    union all
    {% endfor %}
    {%- for dimension, bridge, names, key, name in [
        ('tag', 'kustomer__bridge_conversation_tag', 'stg_kustomer__tags', 'tag_id', 'tag_name'),
        ('agent', 'kustomer__bridge_conversation_user', 'stg_kustomer__users', 'user_id',
            'user_name'),
        ('team', 'kustomer__bridge_conversation_team', 'stg_kustomer__teams', 'team_id',
            'team_name'),
    ] %}
    select
        pairs.conversation_id,
        '{{ dimension }}' as dimension,
        pairs.{{ key }} as value_id,
        named.{{ name }} as value_name
    from {{ ref(bridge) }} as pairs
    left join {{ ref(names) }} as named on pairs.{{ key }} = named.{{ key }}
    {%- if dimension == 'agent' %}
    where coalesce(named.user_kind, 'unlisted') <> 'machine'
    {%- endif %}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
)

select
    conversations.org_id,
    conversations.created_day as day,
    valued.dimension,
    valued.value_id,
    max(valued.value_name) as value_name,
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
from valued
inner join conversations on valued.conversation_id = conversations.conversation_id
where valued.value_id is not null
group by conversations.org_id, conversations.created_day, valued.dimension, valued.value_id
