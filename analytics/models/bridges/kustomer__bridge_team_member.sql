select distinct
    one_row.org_id,
    one_row.team_id,
    {{ element_text('one') }} as user_id
from {{ ref('stg_kustomer__teams') }} as one_row
{{ each_element('one_row.members_doc', 'one') }}
where {{ element_text('one') }} is not null
