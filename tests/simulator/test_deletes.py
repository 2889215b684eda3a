"""The simulator loses rows as Kustomer does: marked, for good, with what hangs on them."""

from __future__ import annotations

from simulator import Clock, Org, Simulator
from simulator.client import Client
from simulator.clock import DAY

HANGERS_ON = ("message", "note", "attachment", "customer_event", "forward", "work_item")


def org_with_a_conversation() -> tuple[Org, str, str]:
    """Return an org with one customer, a conversation and all that can hang on it."""
    org = Org(realistic=False, audit=True, clock=Clock(speed=0))
    [customer] = org.add("customer")
    [conversation] = org.add("conversation", parents={"customer": customer})
    for context in HANGERS_ON:
        org.add(context, 2, parents={"customer": customer, "conversation": conversation})
    return org, customer, conversation


def deletes_in_the_log(client: Client) -> list[tuple[str, str]]:
    """Return type and id of what the audit log says was deleted, newest first."""
    rows = client.get("/v1/audit-logs", count=1000).json()["data"]
    entries = [row["attributes"] for row in rows]
    return [(e["objectType"], e["objectId"]) for e in entries if e["eventVerb"] == "delete"]


def test_a_conversation_takes_along_what_hangs_on_it() -> None:
    """The log names the conversation alone; its customer stays."""
    org, customer, conversation = org_with_a_conversation()
    with Simulator(org) as simulator, Client(simulator) as client:
        assert client.delete(f"/v1/conversations/{conversation}").status_code == 204

        assert org.counts().keys() == {"customer", "audit_log"}
        assert client.get(f"/v1/conversations/{conversation}").status_code == 404
        assert client.delete(f"/v1/conversations/{conversation}").status_code == 404
        assert client.search("message", includeDeleted=True).json()["data"] == []
        assert deletes_in_the_log(client) == [("conversation", conversation)]

        assert client.delete(f"/v1/customers/{customer}").status_code == 204
        assert ("customer", customer) in deletes_in_the_log(client)


def test_a_customer_leaves_its_conversations_behind() -> None:
    """They go by themselves or not at all."""
    org, customer, conversation = org_with_a_conversation()
    org.erase("customer", customer)

    assert org.ids("conversation") == [conversation]
    assert org.counts()["message"] == 2


def test_companies_have_no_delete_and_users_are_only_marked() -> None:
    """As the vendor's list of endpoints has it."""
    org = Org(realistic=False)
    [company], [user] = org.add("company"), org.add("user")
    with Simulator(org) as simulator, Client(simulator) as client:
        assert client.delete(f"/v1/companies/{company}").status_code == 404
        assert client.delete(f"/v1/users/{user}").status_code == 204

    assert org.row("user", user)["attributes"]["deleted"] is True


def test_deleting_needs_a_role() -> None:
    """A key that reads does not delete."""
    org = Org(realistic=False, roles=["org.permission.customer.read"])
    [customer] = org.add("customer")
    with Simulator(org) as simulator, Client(simulator) as client:
        assert client.delete(f"/v1/customers/{customer}").status_code == 403


def test_the_retention_rule_removes_what_is_idle() -> None:
    """With what hangs on it, and an entry by the system for each."""
    org, _, conversation = org_with_a_conversation()
    [fresh] = org.add("conversation", updated_at=org.clock.now())
    org.clock.advance(720 * DAY)
    org.update("conversation", fresh)

    gone = org.retain(contexts=["conversation"])

    assert ("conversation", conversation) in gone
    assert {name for name, _ in gone} == {"conversation", *HANGERS_ON}
    assert org.ids("conversation") == [fresh]
    [entry] = [e for e in org.rows("audit_log") if e["attributes"]["eventVerb"] == "delete"]
    assert entry["attributes"]["userType"] == "system"


def test_an_entry_shows_once_it_is_published() -> None:
    """It carries the moment when the row went, not the one when it was published."""
    org, customer, _ = org_with_a_conversation()
    org.audit_delay = 600
    went = org.clock.now_ms()
    with Simulator(org) as simulator, Client(simulator) as client:
        org.erase("customer", customer)
        assert deletes_in_the_log(client) == []
        org.clock.advance(601)
        assert deletes_in_the_log(client) == [("customer", customer)]

    [entry] = org.store.versions("audit_log")
    assert abs((entry.created or 0) - went) <= 1


def test_a_row_that_is_restored_is_found_again() -> None:
    """Under its own id, changed now."""
    org, customer, _ = org_with_a_conversation()
    before = org.row("customer", customer)["attributes"]
    org.erase("customer", customer)
    org.clock.advance(60)
    org.restore("customer", customer)
    with Simulator(org) as simulator, Client(simulator) as client:
        [found] = client.search("customer").json()["data"]

    assert found["id"] == customer
    assert found["attributes"]["name"] == before["name"]
    assert found["attributes"]["updatedAt"] > before["updatedAt"]


def test_several_ids_in_one_request_answer_with_those_that_exist() -> None:
    """Whether that is so is an open question: the other answers are knobs."""
    org = Org(realistic=False)
    one, two, three = org.add("customer", 3)
    org.erase("customer", two)
    both = f"/v1/customers/{one},{two},{three}"
    with Simulator(org) as simulator, Client(simulator) as client:
        assert [row["id"] for row in client.get(both).json()["data"]] == [one, three]
        assert client.get(f"/v1/customers/{two},{two}").json()["data"] == []
        simulator.set(several_ids_most=2)
        assert [row["id"] for row in client.get(both).json()["data"]] == [one]
        simulator.set(several_ids="first")
        assert client.get(both).json()["data"]["id"] == one
        simulator.set(several_ids="not_found")
        assert client.get(both).status_code == 404
        assert client.get(f"/v1/companies/{one},{two}").status_code == 404
        simulator.set(several_ids="array", several_ids_absent="not_found")
        assert client.get(f"/v1/customers/{two},{two}").status_code == 404
