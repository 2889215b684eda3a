select distinct
    one_row.org_id,
    one_row.conversation_id,
    {{ element_text('one') }} as user_id
from {{ ref('stg_kustomer__conversations') }} as one_row
{{ each_element('one_row.assigned_users_doc', 'one') }}
where {{ element_text('one') }} is not null
