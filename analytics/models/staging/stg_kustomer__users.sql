select
    id as user_id,
    org_id,
    coalesce(display_name, name) as user_name,
    email,
    user_type,
    coalesce(deleted, false) as deleted
from {{ source('kustomer', 'users') }}
