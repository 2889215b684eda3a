{# Fails on what occurs twice and on what has no key. #}
{% test is_key(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns %} or min(case when {{ column }} is null then 0 else 1 end) = 0
{%- endfor %}
{% endtest %}
