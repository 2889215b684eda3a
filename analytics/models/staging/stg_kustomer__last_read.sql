{# The moment up to which the loaded rows tell the truth: when `conversations` was last read to the end. #}
select max({{ utc('ended_at') }}) as read_at
from {{ source('kustomer', 'sync_runs') }}
where stream = 'conversations' and status = 'complete'
