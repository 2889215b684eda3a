with slas as (
    select * from {{ ref('int_kustomer__slas') }}
),

entries as (
    select
        slas.agreement_id,
        {{ entry_key('one') }} as metric,
        {{ entry_value('slas.metrics_doc', 'one') }} as times_doc,
        count(*) over (partition by slas.agreement_id) as metrics
    from slas
    {{ each_entry('slas.metrics_doc', 'one') }}
),

joined as (
    select
        slas.conversation_id,
        slas.org_id,
        slas.channel,
        slas.sla_id,
        slas.sla_name,
        slas.sla_version,
        slas.is_current,
        slas.matched_at,
        slas.verdict,
        slas.breach_metric,
        coalesce(entries.metrics, 0) as metrics,
        coalesce(entries.metric, slas.breach_metric, 'unnamed') as metric,
        {{ json_moment('entries.times_doc', ['breachAt']) }} as due_at,
        {{ json_moment('entries.times_doc', ['satisfiedAt']) }} as satisfied_at
    from slas
    left join entries on slas.agreement_id = entries.agreement_id
    where entries.agreement_id is not null or slas.verdict is not null
),

judged as (
    select
        joined.*,
        last_read.read_at,
        -- What Kustomer says of this metric: of a breach it names one, or the only one there is.
        case
            when verdict = 'breached' and (breach_metric = metric or metrics <= 1) then 'breached'
            when verdict = 'met' then 'met'
            when verdict = 'not breached' and satisfied_at is not null then 'met'
            when verdict = 'not breached' then 'pending'
        end as said
    from joined
    inner join {{ ref('stg_kustomer__last_read') }} as last_read
        on joined.org_id = last_read.org_id
)

select
    conversation_id,
    org_id,
    channel,
    sla_id,
    sla_name,
    sla_version,
    is_current,
    metric,
    matched_at,
    {{ local_day('matched_at') }} as matched_day,
    due_at,
    satisfied_at,
    coalesce(
        said,
        case
            when satisfied_at <= due_at then 'met'
            when satisfied_at > due_at then 'breached'
            when due_at is null and satisfied_at is not null then 'met'
            when due_at < read_at then 'breached'
            else 'pending'
        end
    ) as outcome,
    case when said is null then 'timestamps' else 'kustomer' end as decided_by
from judged
