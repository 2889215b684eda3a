{# What the snapshot keeps: the status of each conversation at the moment it was read. #}
select
    conversations.conversation_id,
    conversations.org_id,
    conversations.status,
    conversations.excluded,
    last_read.read_at
from {{ ref('int_kustomer__conversations') }} as conversations
inner join {{ ref('stg_kustomer__last_read') }} as last_read
    on conversations.org_id = last_read.org_id
