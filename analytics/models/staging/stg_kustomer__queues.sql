select
    id as queue_id,
    org_id,
    coalesce(display_name, name) as queue_name
from ({{ kustomer_rows('queues') }}) as loaded
