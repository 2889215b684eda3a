select
    id as satisfaction_response_id,
    org_id,
    conversation_id,
    customer_id,
    channel,
    status,
    rating,
    score,
    sent_at,
    coalesce(scheduled_for, submitted_at, created_at) as other_at,
    sent_by_id,
    sent_by_teams as sent_by_teams_doc
from ({{ kustomer_rows('satisfaction_responses') }}) as loaded
