with slas as (
    select
        *,
        coalesce({{ entry_count('metrics_doc') }}, 0) as metrics
    from {{ ref('int_kustomer__slas') }}
),

opened as (
    select
        slas.*,
        {{ entry_key('one') }} as entry_metric,
        {{ entry_value('slas.metrics_doc', 'one') }} as times_doc
    from slas
    {{ each_entry('slas.metrics_doc', 'one') }}
),

entries as (
    select * from opened

    union all

    -- A verdict about no metric that is listed: it counts all the same.
    select
        slas.*,
        {{ null_of('text') }} as entry_metric,
        {{ null_of('json') }} as times_doc
    from slas
    where
        (slas.metrics = 0 and slas.verdict is not null)
        or (
            slas.metrics > 1
            and slas.verdict = 'breached'
            and not exists (
                select 1 from opened
                where
                    opened.agreement_id = slas.agreement_id
                    and opened.entry_metric = slas.breach_metric
            )
        )
),

joined as (
    select
        conversation_id,
        org_id,
        channel,
        sla_id,
        sla_name,
        sla_version,
        is_current,
        matched_at,
        verdict,
        breach_metric,
        metrics,
        entry_metric,
        coalesce(entry_metric, breach_metric, 'unnamed') as metric,
        {{ json_moment('times_doc', ['breachAt']) }} as due_at,
        {{ json_moment('times_doc', ['satisfiedAt']) }} as satisfied_at
    from entries
),

judged as (
    select
        joined.*,
        last_read.read_at,
        -- What Kustomer says of this metric: of a breach it names one, or the only one there is.
        case
            when
                verdict = 'breached'
                and (breach_metric = metric or metrics <= 1 or entry_metric is null)
            then 'breached'
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
