{# As large as the messages, and rarely asked: not kept. #}
{{ config(materialized='view') }}

with messages as (
    select * from {{ ref('stg_kustomer__messages') }}
)

select distinct
    messages.org_id,
    messages.message_id,
    {{ element_text('one') }} as team_id,
    'assigned' as role
from messages
{{ each_element('messages.assigned_teams_doc', 'one') }}
where {{ element_text('one') }} is not null

union all

select distinct
    messages.org_id,
    messages.message_id,
    {{ element_text('one') }} as team_id,
    'author' as role
from messages
{{ each_element('messages.created_by_teams_doc', 'one') }}
where {{ element_text('one') }} is not null
