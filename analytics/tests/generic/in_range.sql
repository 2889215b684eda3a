{# Fails on values of any of the columns that lie outside of the range. #}
{% test in_range(model, columns, at_least=none, at_most=none) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    1 = 0
    {%- for column in columns %}
    {%- if at_least is not none %} or {{ column }} < {{ at_least }}{% endif %}
    {%- if at_most is not none %} or {{ column }} > {{ at_most }}{% endif %}
    {%- endfor %}
{% endtest %}
