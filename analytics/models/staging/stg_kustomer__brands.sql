select
    id as brand_id,
    org_id,
    name as brand_name
from ({{ kustomer_rows('brands') }}) as loaded
