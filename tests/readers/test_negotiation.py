"""Which form of a request is taken: never a weaker one for an answer that may pass."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from tap_kustomer.errors import (
    ForeignAnswerError,
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    StreamError,
    UnavailableError,
    UntrustedAnswerError,
)
from tap_kustomer.readers.negotiation import REFUSALS, Form, settle

WHOLE = Form("whole", 1)
PART = Form("part", 2, rank=2, instead_of="whole")
OTHER = Form("other", 3)
LIST = Form("list", 4, rank=1, endpoint="list")


def confirmed(error: type[StreamError], text: str = "no.") -> StreamError:
    """Return a refusal that was given twice in the same way."""
    found = error(text)
    found.confirmed = True
    return found


class Kustomer:
    """Gives each form its answers in turn, the last again and again; keeps what was asked."""

    def __init__(self, **answers: Iterable[StreamError | str] | StreamError | str) -> None:
        """Keep the answers by the name of the form."""
        self.answers = {
            name: [given] if isinstance(given, StreamError | str) else list(given)
            for name, given in answers.items()
        }
        self.asked: list[str] = []

    def __call__(self, form: Form[int]) -> str:
        """Answer, or raise."""
        self.asked.append(form.name)
        answers = self.answers[form.name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, StreamError):
            raise answer
        return answer


def test_a_refusal_that_is_not_about_the_form_leads_to_no_weaker_one() -> None:
    """A conflict, or a plan that ended, however often: asked for less, less would be loaded."""
    refusal = confirmed(RequestRefusedError)
    vars(refusal)["is_about_form"] = False
    kustomer = Kustomer(whole=refusal, part="rows", other="rows", list="rows")

    with pytest.raises(RequestRefusedError):
        settle("customers", [WHOLE, LIST, PART], kustomer)

    assert kustomer.asked == ["whole"]


def test_the_best_form_is_taken_at_once() -> None:
    """One question where nothing is wrong."""
    kustomer = Kustomer(whole="rows")

    assert settle("s", [WHOLE, PART], kustomer) == (WHOLE, "rows")
    assert kustomer.asked == ["whole"]


def test_a_confirmed_refusal_leads_to_the_next_form() -> None:
    """It need not be confirmed again."""
    kustomer = Kustomer(whole=confirmed(RequestRefusedError), part="rows")

    assert settle("s", [WHOLE, PART], kustomer)[0] is PART
    assert kustomer.asked == ["whole", "part"]


@pytest.mark.parametrize("error", [RequestRefusedError, NotFoundError, UntrustedAnswerError])
def test_a_refusal_that_came_once_decides_nothing(error: type[StreamError]) -> None:
    """The same form is asked for again, and taken."""
    kustomer = Kustomer(whole=[error("no."), "rows"], part="fewer rows", other="rows")

    assert settle("s", [WHOLE, OTHER, PART], kustomer) == (WHOLE, "rows")


@pytest.mark.parametrize("error", [UnavailableError("down."), ForeignAnswerError("a proxy.")])
def test_what_may_pass_leads_to_no_other_form(error: StreamError) -> None:
    """The stream fails; the next run begins again with the best form."""
    kustomer = Kustomer(whole=error, part="fewer rows", other="rows", list="rows")

    with pytest.raises(type(error)):
        settle("s", [WHOLE, OTHER, LIST, PART], kustomer)
    assert set(kustomer.asked) == {"whole"}


def test_two_different_refusals_are_not_one_that_came_twice() -> None:
    """They prove nothing, however many there are."""
    odd = [RequestRefusedError("1."), NotFoundError("2."), UntrustedAnswerError("3.")]
    kustomer = Kustomer(whole=[*odd, *odd, *odd], part="fewer rows")

    with pytest.raises(UnavailableError, match="differ from one to the next"):
        settle("s", [WHOLE, PART], kustomer)
    assert kustomer.asked == ["whole"] * 4


def test_a_pause_is_made_before_a_form_is_asked_for_once_more() -> None:
    """And before no other question."""
    kustomer = Kustomer(whole=[NotFoundError("no."), "rows"])
    pauses: list[list[str]] = []

    settle("s", [WHOLE, PART], kustomer, pause=lambda: pauses.append([*kustomer.asked]))

    assert pauses == [["whole"]]


def test_a_remembered_form_whose_endpoint_is_refused_leads_to_no_other_of_it() -> None:
    """Also to none that stands in front of it."""
    kustomer = Kustomer(other=confirmed(MissingRoleError), whole="rows", part="rows")

    with pytest.raises(MissingRoleError):
        settle("s", [WHOLE, OTHER, PART], kustomer, remembered="other")
    assert kustomer.asked == ["other"]


def test_a_form_brings_all_rows_unless_it_is_ranked() -> None:
    """So it may take the place of the best."""
    kustomer = Kustomer(whole=confirmed(RequestRefusedError), best="rows")
    best = Form("best", 5, rank=0)

    assert settle("s", [WHOLE, best], kustomer, remembered="whole")[0] is best


def test_pages_out_of_order_never_cost_deleted_rows() -> None:
    """They say something about the attribute, nothing about deleted rows."""
    untrusted = UntrustedAnswerError("out of order.")
    kustomer = Kustomer(whole=untrusted, part="fewer rows")

    with pytest.raises(UntrustedAnswerError):
        settle("s", [WHOLE, PART], kustomer)
    assert kustomer.asked == ["whole", "whole"]


def test_an_ignored_attribute_leads_to_another() -> None:
    """Twice in the same way, it is not supported."""
    kustomer = Kustomer(whole=UntrustedAnswerError("ignored."), other="rows", part="fewer")

    assert settle("s", [WHOLE, OTHER, PART], kustomer)[0] is OTHER


@pytest.mark.parametrize("error", [MissingRoleError, NotFoundError])
def test_a_refused_endpoint_leads_to_another_endpoint_only(error: type[StreamError]) -> None:
    """No other form of the same request has a role that this one lacks."""
    kustomer = Kustomer(whole=confirmed(error), other="rows", part="fewer", list="rows")

    assert settle("s", [WHOLE, OTHER, LIST, PART], kustomer)[0] is LIST
    assert kustomer.asked == ["whole", "list"]


def test_the_remembered_form_is_asked_for_first() -> None:
    """A run costs no refusal that an earlier one knows."""
    kustomer = Kustomer(part="fewer rows")

    assert settle("s", [WHOLE, PART], kustomer, remembered="part")[0] is PART
    assert kustomer.asked == ["part"]


def test_no_form_weaker_than_the_remembered_one_is_taken() -> None:
    """The stream fails with a sentence instead of missing rows from now on."""
    kustomer = Kustomer(whole=confirmed(RequestRefusedError), part="fewer", list="rows")

    with pytest.raises(StreamError, match=r"s: Kustomer no longer takes .* before \(whole\)"):
        settle("s", [WHOLE, LIST, PART], kustomer, remembered="whole")
    assert kustomer.asked == ["whole"]


def test_an_equal_or_a_better_form_than_the_remembered_one_may_be_taken() -> None:
    """Nothing is missed by it."""
    refused = confirmed(RequestRefusedError)
    kustomer = Kustomer(whole="rows", part=refused, other=refused)

    assert settle("s", [OTHER, WHOLE, PART], kustomer, remembered="other")[0] is WHOLE
    assert settle("s", [OTHER, WHOLE, PART], kustomer, remembered="part")[0] is WHOLE


def test_a_form_that_is_no_longer_known_counts_as_none() -> None:
    """Also what a state may hold by mistake."""
    for odd in ("a form of long ago", None, 5, {"a": 1}):
        kustomer = Kustomer(whole="rows")
        assert settle("s", [WHOLE, PART], kustomer, remembered=odd)[0] is WHOLE


def test_random_answers_never_lead_to_a_weaker_form_too_early() -> None:
    """Whatever comes: a form is passed over only after two equal refusals of it in a row."""
    rng = random.Random(5)
    kinds = [*REFUSALS, UnavailableError, ForeignAnswerError]
    forms = [WHOLE, OTHER, LIST, PART]
    taken: set[str] = set()
    for _ in range(3000):
        answers = {
            form.name: [
                "rows" if rng.random() < 0.3 else rng.choice(kinds)(rng.choice(["a.", "b."]))
                for _ in range(rng.randint(1, 5))
            ]
            for form in forms
        }
        given: dict[str, list[tuple[type[Exception], str] | str]] = {one.name: [] for one in forms}
        kustomer = Kustomer(**answers)

        def ask(form: Form[int], kustomer: Kustomer = kustomer, given: dict = given) -> str:  # type: ignore[type-arg]
            try:
                given[form.name].append("rows")
                return kustomer(form)
            except StreamError as error:
                given[form.name][-1] = (type(error), str(error))
                raise

        remembered = rng.choice([None, *(form.name for form in forms)])
        try:
            form, _ = settle("s", forms, ask, remembered=remembered)
        except StreamError:
            continue
        taken.add(form.name)
        known = next((one for one in forms if one.name == remembered), PART)
        assert form.rank <= known.rank
        refused = [story[-1] for story in given.values() if story and story[-1] != "rows"]
        for better in (one for one in forms if one.rank < form.rank):
            story = given[better.name]
            if story:
                assert story[-1] == story[-2] != "rows"
            else:  # then the endpoint was refused, or a run before was content with the form
                of_endpoint = {MissingRoleError, NotFoundError} & {one[0] for one in refused}
                assert of_endpoint or form.name == remembered
    assert taken == {"whole", "other", "list", "part"}
