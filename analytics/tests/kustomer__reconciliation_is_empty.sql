select * from {{ ref('kustomer__reconciliation') }}
