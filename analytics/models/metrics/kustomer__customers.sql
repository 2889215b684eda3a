with conversations as (
    select
        org_id,
        customer_id,
        count(*) as conversations,
        min(created_at) as first_conversation_at,
        max(created_at) as latest_conversation_at,
        {{ count_if('not is_done') }} as conversations_not_done,
        {{ count_if('waiting_since is not null') }} as conversations_waiting,
        {{ count_if('was_reopened') }} as conversations_reopened,
        count(first_response_seconds) as first_response_n,
        avg(first_response_seconds) as mean_first_response_seconds,
        count(full_resolution_seconds) as full_resolution_n,
        avg(full_resolution_seconds) as mean_full_resolution_seconds,
        sum(handle_seconds) as handle_seconds,
        sum(surveys_sent) as surveys_sent,
        sum(surveys_rated) as surveys_rated,
        sum(surveys_scored) as surveys_scored,
        sum(surveys_satisfied) as surveys_satisfied
    from {{ ref('kustomer__conversation_metrics') }}
    where customer_id is not null
    group by org_id, customer_id
)

select
    coalesce(customers.customer_id, conversations.customer_id) as customer_id,
    coalesce(customers.org_id, conversations.org_id) as org_id,
    customers.company_id,
    customers.name,
    customers.created_at,
    coalesce(customers.deleted, false) as deleted,
    coalesce(conversations.conversations, 0) as conversations,
    conversations.first_conversation_at,
    conversations.latest_conversation_at,
    coalesce(conversations.conversations_not_done, 0) as conversations_not_done,
    coalesce(conversations.conversations_waiting, 0) as conversations_waiting,
    coalesce(conversations.conversations_reopened, 0) as conversations_reopened,
    coalesce(conversations.first_response_n, 0) as first_response_n,
    conversations.mean_first_response_seconds,
    coalesce(conversations.full_resolution_n, 0) as full_resolution_n,
    conversations.mean_full_resolution_seconds,
    conversations.handle_seconds,
    coalesce(conversations.surveys_sent, 0) as surveys_sent,
    coalesce(conversations.surveys_rated, 0) as surveys_rated,
    coalesce(conversations.surveys_scored, 0) as surveys_scored,
    coalesce(conversations.surveys_satisfied, 0) as surveys_satisfied
from {{ ref('stg_kustomer__customers') }} as customers
full outer join conversations on customers.customer_id = conversations.customer_id
