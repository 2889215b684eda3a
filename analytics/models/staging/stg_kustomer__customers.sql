select
    id as customer_id,
    org_id,
    company_id,
    name,
    coalesce(deleted, false) as deleted,
    created_at,
    updated_at,
    emails as emails_doc,
    shared_emails as shared_emails_doc
from ({{ kustomer_rows('customers') }}) as loaded
