select
    id as tag_id,
    org_id,
    name as tag_name,
    coalesce(deleted, false) as deleted
from ({{ kustomer_rows('tags') }}) as loaded
