{{ config(materialized='table') }}
{#
  Logged changes of the status or the SLA of conversations: from the audit log where it is loaded,
  else from webhooks, else from their events. Kept, because a log is large and these are few of it.
#}
{%- if kustomer_is_loaded('audit_logs') %}
select
    audit_log_id as change_id,
    org_id,
    object_id as conversation_id,
    happened_at,
    status_before,
    status_after,
    sla_before_doc,
    'audit_logs' as change_from
from {{ ref('stg_kustomer__audit_logs') }}
where
    object_type = 'conversation'
    and object_id is not null
    and (status_after is not null or sla_before_doc is not null)
{%- elif kustomer_is_loaded('webhook_events') %}
select
    webhook_event_id as change_id,
    org_id,
    object_id as conversation_id,
    happened_at,
    status_before,
    status_after,
    sla_before_doc,
    'webhook_events' as change_from
from {{ ref('stg_kustomer__webhook_events') }}
where
    object_type = 'conversation'
    and object_id is not null
    and (status_after is not null or sla_before_doc is not null)
{%- else %}
select
    conversation_event_id as change_id,
    org_id,
    conversation_id,
    happened_at,
    status_before,
    status_after,
    sla_before_doc,
    'conversation_events' as change_from
from {{ ref('stg_kustomer__conversation_events') }}
where
    conversation_id is not null
    and (status_after is not null or sla_before_doc is not null)
{%- endif %}
{#- all are read, whichever is loaded: #}
-- depends_on: {{ ref('stg_kustomer__audit_logs') }}
-- depends_on: {{ ref('stg_kustomer__webhook_events') }}
-- depends_on: {{ ref('stg_kustomer__conversation_events') }}
