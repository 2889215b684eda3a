select
    id as customer_id,
    org_id,
    company_id,
    name,
    coalesce(deleted, false) as deleted,
    {{ utc('created_at') }} as created_at,
    {{ json_doc('emails') }} as emails_doc,
    {{ json_doc('shared_emails') }} as shared_emails_doc
from {{ source('kustomer', 'customers') }}
