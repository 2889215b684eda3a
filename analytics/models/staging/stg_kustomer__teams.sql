select
    id as team_id,
    org_id,
    coalesce(display_name, name) as team_name,
    coalesce(deleted, false) as deleted,
    {{ json_doc('members') }} as members_doc
from {{ source('kustomer', 'teams') }}
