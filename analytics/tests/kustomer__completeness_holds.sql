{#- Names the months, which dbt itself does not. -#}
{%- set wrong = 'select stream, month, loaded_rows, counted_rows from ' ~ ref('kustomer__completeness') ~ ' where not complete' -%}
{%- if execute and flags.WHICH in ('build', 'test') -%}
  {%- for row in run_query(wrong ~ ' order by 1, 2') -%}
    {%- do log(row[0] ~ ' created in ' ~ (row[1] | string)[:7] ~ ': ' ~ row[2] ~ ' rows here, ' ~ row[3] ~ ' counted by Kustomer', info=true) -%}
  {%- endfor -%}
{%- endif -%}
{{ wrong }}
