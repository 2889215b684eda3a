"""Assumptions about rows and their values."""

from __future__ import annotations

from tap_kustomer.ledger.ledger import Assumption

__all__ = ["OF_ROWS"]

OF_ROWS = (
    Assumption(
        "updated-at",
        "every row of a search says when it was updated",
        "rows without `updatedAt`",
        "such a row is written and does not move the bookmark",
        ("readers/search/page.py", "readers/search/ask.py"),
    ),
    Assumption(
        "timestamp-precision",
        "timestamps have milliseconds",
        "the texts of `updatedAt`",
        "finer ones are cut, coarser ones mean more rows on one timestamp",
        ("timestamps.py",),
    ),
    Assumption(
        "ties",
        "less than half of the rows of a page share their timestamp with another",
        "the rows of a page",
        "rows of one timestamp are told apart by their creation, else by page numbers",
        ("readers/search/ties.py",),
    ),
    Assumption(
        "known-attributes",
        "rows have no attributes that the schemas do not know",
        "the names of the attributes",
        "they are kept in `extra_attributes`",
        ("rows/maker.py",),
    ),
    Assumption(
        "work-item-resource",
        "a work item of a search has the routed record beside it as the attribute `resource`",
        "a work item of a search",
        "its id comes from the relationship in any case",
        ("schemas/work_items.json",),
        unseen="rows with and without it are read the same way",
    ),
    Assumption(
        "custom-types",
        "custom values have the type that metadata, or the end of their name, tells",
        "the custom values of a page",
        "what can be converted is, the rest is kept in `extra_attributes`",
        ("rows/values.py", "catalog/attributes.py"),
    ),
    Assumption(
        "tree-values",
        "the value of a `Tree` attribute is a text, presumably a dotted path",
        "the custom values of a page",
        "any form is taken",
        ("catalog/attributes.py",),
    ),
    Assumption(
        "masking",
        "a value that the key may not read is a text of asterisks or the like",
        "masks in place of custom values",
        "a mask of another form counts as a misfit: it is kept in `extra_attributes`",
        ("rows/values.py",),
        report=True,
    ),
    Assumption(
        "delete-moves-update",
        "a deletion moves `updatedAt`",
        "deleted rows whose `deletedAt` is later",
        "nothing: such deletions are not seen by a search",
        ("streams/search.py",),
        report=True,
    ),
    Assumption(
        "duration-unit",
        "`time` and `businessTime` of conversations are in milliseconds",
        "the time of a first response beside its timestamps",
        "set `kustomer_duration_unit` of the dbt project",
        ("analytics/dbt_project.yml",),
    ),
    Assumption(
        "handle-time-unit",
        "conversation times without `timerVersion` count seconds",
        "no field of a row has both",
        "set `kustomer_handle_time_unit` of the dbt project",
        ("analytics/dbt_project.yml",),
        unseen="no timestamp stands beside the value",
    ),
    Assumption(
        "merged-conversations",
        "`mergedTarget` marks the conversation that was merged into another",
        "nothing but the story of a conversation",
        "set `kustomer_merged_when` of the dbt project",
        ("analytics/dbt_project.yml",),
        unseen="what a merge left behind takes somebody who knows of one",
    ),
    Assumption(
        "rating-scores",
        "a score of 1 is a good rating",
        "nothing in a row",
        "see the model in the dbt project",
        ("analytics/models/metrics/_metrics.yml",),
        unseen="it takes somebody who knows the survey",
    ),
    Assumption(
        "sla-states",
        "the states of an SLA, and what a changed one does to a conversation",
        "nothing in a row",
        "values are kept as they come",
        ("schemas/conversations.json",),
        unseen="it takes somebody who knows the SLA",
    ),
    Assumption(
        "article-body",
        "`includeBody=true` shows the text of articles as `htmlBody`",
        "the attributes of an article",
        "another attribute is kept in `extra_attributes`",
        ("streams/list_objects.py",),
    ),
    Assumption(
        "resource-types",
        "types and links of objects that no example shows follow the others' pattern",
        "`type` of the rows of such a list",
        "nothing depends on it: a list's rows are what it gives",
        ("readers/list_page.py",),
        unseen="the names are the vendor's own and no column depends on them",
    ),
)
