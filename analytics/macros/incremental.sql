{#
  For staging models that are built from changed rows only (`kustomer_incremental`). A watermark
  would miss rows that are loaded late with an old `updated_at`, as a backfill does, and rows that
  are gone: so what is kept is compared with what is loaded, by id and version.
#}

{% macro kept_as() -%}
{{- return('incremental' if var('kustomer_incremental') | as_bool else 'table') -}}
{%- endmacro %}


{# Whether this build adds to rows that an earlier one kept. #}
{% macro adds_to_kept() -%}
{#- without the variable, nothing is asked of the warehouse -#}
{{- return(kustomer_analytics.kept_as() == 'incremental' and is_incremental()) -}}
{%- endmacro %}


{# A condition on `loaded`: the kept rows do not have this version yet. #}
{% macro is_new_to(kept, key) -%}
not exists (
    select 1 from {{ kept }} as kept
    where
        kept.{{ key }} = loaded.id
        and coalesce(kept.row_rev, -1) = coalesce(loaded.rev, -1)
        and coalesce(kept.updated_at, kept.created_at) = coalesce(loaded.updated_at, loaded.created_at)
)
{%- endmacro %}


{# A statement that forgets kept rows which are no longer loaded: erased, deleted for good. #}
{% macro forget_gone(stream, key) -%}
{%- if kustomer_analytics.adds_to_kept() -%}
{#- no `not in`: PostgreSQL compares each row with each where the ids do not fit into its memory -#}
delete from {{ this }}
where not exists (
    select 1 from ({{ kustomer_analytics.kustomer_rows(stream) }}) as loaded where loaded.id = {{ key }}
)
{%- endif -%}
{%- endmacro %}
