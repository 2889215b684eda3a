{# What the snapshot keeps: the status of each conversation at the moment it was read. #}
select
    conversations.conversation_id,
    conversations.status,
    {{ is_excluded() }} as excluded,
    last_read.read_at
from {{ ref('stg_kustomer__conversations') }} as conversations
cross join {{ ref('stg_kustomer__last_read') }} as last_read
