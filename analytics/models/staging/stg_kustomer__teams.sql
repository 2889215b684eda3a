select
    id as team_id,
    org_id,
    coalesce(display_name, name) as team_name,
    coalesce(deleted, false) as deleted,
    members as members_doc
from ({{ kustomer_rows('teams') }}) as loaded
