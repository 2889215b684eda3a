select
    id as user_id,
    org_id,
    coalesce(display_name, name) as user_name,
    email,
    user_type,
    case
        when user_type in ('user', 'limited') then 'person'
        when user_type in ('machine', 'app') then 'machine'
        else 'unlisted'
    end as user_kind,
    coalesce(deleted, false) as deleted
from ({{ kustomer_rows('users') }}) as loaded
