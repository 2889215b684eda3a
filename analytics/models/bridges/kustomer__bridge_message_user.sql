{# As large as the messages, and rarely asked: not kept. #}
{{ config(materialized='view') }}

with messages as (
    select * from {{ ref('stg_kustomer__messages') }}
)

select distinct
    messages.org_id,
    messages.message_id,
    {{ element_text('one') }} as user_id,
    'assigned' as role
from messages
{{ each_element('messages.assigned_users_doc', 'one') }}
where {{ element_text('one') }} is not null

union all

select
    org_id,
    message_id,
    created_by_id as user_id,
    'author' as role
from messages
where created_by_id is not null and created_by_type = 'user'
