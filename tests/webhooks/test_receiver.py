"""The receiver takes what is signed and on disk, and nothing else."""

from __future__ import annotations

import json
import resource
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests

from tap_kustomer.webhooks.cli import command
from tap_kustomer.webhooks.errors import WebhookError
from tap_kustomer.webhooks.receiver import LARGEST_BODY
from tap_kustomer.webhooks.signature import SECRETS_VARIABLE, SIGNATURE_HEADER, sign
from tap_kustomer.webhooks.spool import Spool
from tests.webhooks.support import (
    ORG,
    SECONDS,
    SECRET,
    Program,
    Receiver,
    change,
    event,
    spooled_ids,
)

OLD_SECRET = "the-secret-of-last-year"  # noqa: S105 - of a test


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver for the tests that look at single answers."""
    spool = tmp_path_factory.mktemp("spool") / "events.db"
    with Receiver(spool, secrets=f"{SECRET}, {OLD_SECRET}") as running:
        yield running


def test_an_event_is_in_the_spool_when_it_is_answered(receiver: Receiver) -> None:
    """Kustomer never sends it again."""
    sent = event(1001)

    answer = receiver.send(sent)

    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    assert receiver.ids[-1] == sent["id"]


def test_a_replay_is_answered_and_stored_once(receiver: Receiver) -> None:
    """Kustomer delivers at least once, and whoever recorded a request can send it again."""
    sent = event(1002)

    answers = [receiver.send(sent).json()["status"] for _ in range(3)]

    assert answers == ["stored", "duplicate", "duplicate"]
    assert list(receiver.ids).count(sent["id"]) == 1


def test_each_of_several_secrets_will_do(receiver: Receiver) -> None:
    """While a secret is replaced, Kustomer signs with the old one and then with the new one."""
    assert receiver.send(event(1003), secret=SECRET).status_code == 200
    assert receiver.send(event(1004), secret=OLD_SECRET).status_code == 200


BODY = json.dumps(event(2000)).encode()
SIGNED = sign(BODY, SECRET.encode())
UNTRUSTED = {
    "no signature": {},
    "an empty one": {SIGNATURE_HEADER: ""},
    "one of another secret": {SIGNATURE_HEADER: sign(BODY, b"guessed")},
    "one of another body": {SIGNATURE_HEADER: sign(BODY + b" ", SECRET.encode())},
    "one that is cut": {SIGNATURE_HEADER: SIGNED[:-1]},
    "one with more": {SIGNATURE_HEADER: SIGNED + "0"},
    "the secret itself": {SIGNATURE_HEADER: SECRET},
    "letters of no alphabet": {SIGNATURE_HEADER: "\xe9" * 64},
    "another header": {"X-Hub-Signature": SIGNED},
}


@pytest.mark.parametrize("headers", UNTRUSTED.values(), ids=UNTRUSTED)
def test_an_unsigned_event_is_refused(receiver: Receiver, headers: dict[str, str]) -> None:
    """Anyone can find the address."""
    before = receiver.ids

    assert receiver.post(BODY, headers).status_code == 401
    assert receiver.ids == before


UNREADABLE: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"id=1&name=kustomer.conversation.update",
    "JSON that is cut": BODY[:-1],
    "two events": BODY + BODY,
    "a list": [event(2001)],
    "a text": "kustomer.conversation.update",
    "null": None,
    "not a number": BODY[:-1] + b', "client": NaN}',
    "not UTF-8": BODY[:-1] + b', "client": "\xff"}',
    "no id": {name: value for name, value in event(2002).items() if name != "id"},
    "an id that is a number": event(2003, id=5),
    "an empty id": event(2004, id=""),
    "an id with a line break": event(2005, id="5f\n0c"),
    "half a character for an id": event(2005, id="\ud800"),
    "no org": event(2006, org=None),
    "no name": event(2007, name=None),
    "too deep": BODY[:-1] + b', "data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_event_is_refused(receiver: Receiver, content: object) -> None:
    """What the tap could not read later must not lie between the events it can."""
    before = receiver.ids

    assert receiver.send(content).status_code == 400
    assert receiver.ids == before


def test_a_large_body_is_refused_while_it_arrives(receiver: Receiver) -> None:
    """Whoever sends gigabytes must not fill the memory."""
    largest = event(1005, padding="")
    largest["padding"] = "x" * (LARGEST_BODY - len(json.dumps(largest)))

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * LARGEST_BODY

    assert receiver.send({**largest, "padding": largest["padding"] + "x"}).status_code == 413
    assert receiver.post(chunks(), {SIGNATURE_HEADER: SIGNED}).status_code == 413
    assert receiver.send(largest).status_code == 200


def test_an_event_of_another_org_is_refused(receiver: Receiver) -> None:
    """One secret pasted into two orgs must not mix their rows."""
    assert receiver.send(event(1006)).status_code == 200
    before = receiver.ids

    assert receiver.send(event(1007, org="5f0c5e1dd0a1b2c3d4e5f602")).status_code == 403
    assert receiver.ids == before


def test_other_methods_are_refused(receiver: Receiver) -> None:
    """A browser that looks at the address learns nothing."""
    assert requests.get(receiver.url, timeout=SECONDS).status_code == 405


def test_a_client_that_goes_away_leaves_the_receiver_well(receiver: Receiver) -> None:
    """Half a body is no event."""
    address = ("127.0.0.1", int(receiver.url.split(":")[2].split("/")[0]))
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(b"POST /kustomer HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")

    receiver.wait_for("the client went away")
    assert receiver.send(event(1008)).status_code == 200


def test_the_log_tells_of_events_without_their_content(tmp_path: Path) -> None:
    """Bodies are personal data, and a signature with its body can be replayed."""
    with Receiver(tmp_path / "spool") as receiver:
        receiver.send(event(1))
        receiver.send(event(2), secret="guessed")  # noqa: S106 - of a test
        receiver.send(b"whispered")
        receiver.stop()

    lines = [json.loads(line) for line in receiver.stderr.splitlines()]
    stored = next(line for line in lines if line["message"] == "stored")
    assert stored["id"] == event(1)["id"]
    assert stored["status"] == 200
    assert stored["milliseconds"] > 0
    for text in ("whispered", "acme", SECRET, "guessed", sign(b"whispered", SECRET.encode())):
        assert text not in receiver.stderr


def test_many_senders_at_once_lose_nothing(tmp_path: Path) -> None:
    """Events that wait together are committed together, duplicates among them."""
    with Receiver(tmp_path / "spool") as receiver:
        answers: list[int] = []

        def send(start: int) -> None:
            with requests.Session() as session:
                for number in range(start, start + 40):
                    body = json.dumps(event(number)).encode()
                    headers = {SIGNATURE_HEADER: sign(body, SECRET.encode())}
                    answer = session.post(receiver.url, data=body, headers=headers, timeout=SECONDS)
                    answers.append(answer.status_code)

        threads = [threading.Thread(target=send, args=[20 * number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)

    assert answers == [200] * 320
    assert sorted(spooled_ids(tmp_path / "spool")) == [event(n)["id"] for n in range(180)]


def test_a_full_disk_is_answered_503_until_there_is_room(tmp_path: Path) -> None:
    """Kustomer tries again later; a 200 would lose the event."""
    spool = tmp_path / "spool"
    limit = 300_000

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    with Receiver(spool, prepare=small_disk) as receiver:
        statuses = [receiver.send(event(n, padding="x" * 20_000)).status_code for n in range(30)]
        # It writes, and the smallest room is filled last.
        health = [receiver.health() for _ in range(20)][-1]
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(receiver.process.pid, resource.RLIMIT_FSIZE, unlimited)
        again = receiver.send(event(100))
        healthy = receiver.health()

        assert set(statuses) == {200, 503}
        assert health == 503
        assert (again.status_code, healthy) == (200, 200)
        stored = [event(n)["id"] for n, status in enumerate(statuses) if status == 200]
        assert [id_ for id_ in receiver.ids if id_ != event(100)["id"]] == stored
    assert "Make room on it" in receiver.stderr


def test_a_spool_that_is_held_is_answered_503_until_it_is_free(tmp_path: Path) -> None:
    """Someone looks into it with a shell and forgets to commit."""
    with Receiver(tmp_path / "spool") as receiver:
        assert receiver.send(event(1)).status_code == 200
        holder = sqlite3.connect(tmp_path / "spool", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")

        held = receiver.send(event(2))
        holder.execute("ROLLBACK")
        holder.close()

        assert (held.status_code, held.headers["Retry-After"]) == (503, "30")
        assert receiver.send(event(2)).json() == {"status": "stored"}
    assert "held by another process" in receiver.stderr


def test_a_spool_that_is_removed_takes_no_more_events(tmp_path: Path) -> None:
    """They would go into a file that nobody can open any more."""
    with Receiver(tmp_path / "spool") as receiver:
        assert receiver.send(event(1)).status_code == 200
        (tmp_path / "spool").rename(tmp_path / "elsewhere")

        assert receiver.send(event(2)).status_code == 503
        (tmp_path / "elsewhere").rename(tmp_path / "spool")
        assert receiver.send(event(3)).status_code == 200
    assert "was removed or replaced" in receiver.stderr


def test_a_signal_lets_requests_end(tmp_path: Path) -> None:
    """A deployment must not cost an event."""
    body = json.dumps(event(1)).encode()
    with Receiver(tmp_path / "spool") as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            head = (
                f"POST /kustomer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                f"{SIGNATURE_HEADER}: {SIGNED if body == BODY else sign(body, SECRET.encode())}"
                "\r\n\r\n"
            )
            connection.sendall(head.encode() + body[:10])
            assert receiver.send(event(2)).status_code == 200  # the one above has begun
            receiver.process.send_signal(signal.SIGTERM)
            connection.sendall(body[10:])
            answer = connection.recv(100)
        status = receiver.wait()

    assert answer.startswith(b"HTTP/1.1 200")
    assert status in {-signal.SIGTERM, 128 + signal.SIGTERM}
    assert set(spooled_ids(tmp_path / "spool")) == {event(1)["id"], event(2)["id"]}


def refusal(*arguments: str, secrets: str = SECRET) -> str:
    """Return why a command is refused."""
    with (
        patch.dict("os.environ", {SECRETS_VARIABLE: secrets}),
        pytest.raises(WebhookError) as caught,
    ):
        command.main(arguments, standalone_mode=False)
    return str(caught.value)


def serve(spool: Path, *options: str, secrets: str = SECRET) -> str:
    """Return why the receiver does not start."""
    return refusal("serve", "--spool", str(spool), "--port", "0", *options, secrets=secrets)


def test_one_receiver_holds_a_spool(tmp_path: Path) -> None:
    """The second would only show itself by strange latencies."""
    spool = str(tmp_path / "spool")
    with Receiver(tmp_path / "spool"), Program("serve", "--spool", spool) as second:
        assert second.wait() == 1

    [line] = second.stderr.splitlines()
    assert "another `kustomer-webhooks serve`" in json.loads(line)["message"]


def test_a_receiver_without_a_usable_spool_does_not_start(tmp_path: Path) -> None:
    """It would answer 503 to everything until someone looks."""
    text, other, newer, org = (tmp_path / name for name in ("text", "other", "newer", "org"))
    text.write_text("not a database, but long enough to look like the beginning of one" * 20)
    change(other, "CREATE TABLE events (id)")
    with Spool(newer, create=True):
        pass
    change(newer, "PRAGMA user_version = 99")
    with Spool(org, create=True) as spool:
        spool.set_org(ORG)

    assert "not a spool of kustomer-webhooks" in serve(text)
    assert "not a spool of kustomer-webhooks" in serve(other)
    assert "format 99" in serve(newer)
    assert ORG in serve(org, "--org", "another")
    assert "cannot be written" in serve(tmp_path / "no" / "folder")


def test_a_receiver_without_a_secret_does_not_start(tmp_path: Path) -> None:
    """It could not tell Kustomer from anyone else."""
    (tmp_path / "empty").write_text("\n \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    assert "KUSTOMER_WEBHOOK_SECRETS holds no secret" in serve(tmp_path / "spool", secrets=" ,")
    for name in ("empty", "binary", "missing"):
        file = str(tmp_path / name)
        assert file in serve(tmp_path / "spool", "--secrets-file", file)
    assert not (tmp_path / "spool").exists()


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    """Not a traceback of the server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "--port" in refusal("serve", "--spool", str(tmp_path / "spool"), "--port", port)


def test_the_spool_is_for_its_user_only(tmp_path: Path) -> None:
    """Events are personal data."""
    with Receiver(tmp_path / "spool") as receiver:
        receiver.send(event(1))
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
