with customers as (
    select * from {{ ref('stg_kustomer__customers') }}
),

addresses as (
    select
        customers.org_id,
        customers.customer_id,
        lower({{ json_text(element_of('one'), ['email']) }}) as email,
        {{ json_text(element_of('one'), ['type']) }} as email_type,
        {{ json_text(element_of('one'), ['verified']) }} = 'true' as verified,
        false as shared
    from customers
    {{ each_element('customers.emails_doc', 'one') }}

    union all

    select
        customers.org_id,
        customers.customer_id,
        lower({{ json_text(element_of('one'), ['email']) }}) as email,
        {{ json_text(element_of('one'), ['type']) }} as email_type,
        {{ json_text(element_of('one'), ['verified']) }} = 'true' as verified,
        true as shared
    from customers
    {{ each_element('customers.shared_emails_doc', 'one') }}
)

select
    org_id,
    customer_id,
    email,
    min(email_type) as email_type,
    max(case when verified then 1 else 0 end) = 1 as verified,
    min(case when shared then 1 else 0 end) = 1 as shared
from addresses
where email is not null
group by org_id, customer_id, email
