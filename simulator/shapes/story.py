"""What happens in a simulated conversation, by channel: drawn first, so that attributes agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.shapes.base import HOUR, MINUTE, SECOND, ShapeContext, chance, weighted

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Channel:
    """How a channel behaves; durations in milliseconds."""

    share: float
    app: str
    first_response: int  # median
    until_done: int  # median, from the creation
    answered: float  # share of inbound conversations with a reply
    inbound: float  # share that the customer began
    messages: int  # mean


CHANNELS = {
    "email": Channel(45, "postmark", 5 * HOUR, 26 * HOUR, 0.9, 0.9, 4),
    "chat": Channel(28, "chat", 90 * SECOND, 14 * MINUTE, 0.94, 0.97, 11),
    "sms": Channel(12, "twilio", 9 * MINUTE, 3 * HOUR, 0.88, 0.7, 6),
    "whatsapp": Channel(9, "whatsapp", 14 * MINUTE, 4 * HOUR, 0.9, 0.85, 7),
    "voice": Channel(6, "aircall", 25 * SECOND, 8 * MINUTE, 0.8, 0.75, 1),
}
CHANNEL_SHARES = {name: channel.share for name, channel in CHANNELS.items()}


@dataclass(frozen=True)
class Story:
    """One conversation: what was said, when, by whom."""

    channel: str
    created: int  # unix milliseconds
    age: int
    direction: str
    wait: int | None  # until the first reply, null without one
    done_after: int | None  # until it was first done
    status: str
    reopened: int
    inbound: int
    outbound: int
    users: list[str]
    teams: list[str]
    author: str | None

    @property
    def done_count(self) -> int:
        """Return how often the conversation was marked done."""
        return 0 if self.done_after is None else self.reopened + 1

    @property
    def last_message(self) -> int:
        """Return when the last message was sent, in unix milliseconds."""
        return self.created + (self.done_after or self.wait or 0)


def draw_story(rng: random.Random, ctx: ShapeContext) -> Story:
    """Return a conversation that began when the row was created and ends before now."""
    name = ctx.one(rng, "channel") or weighted(rng, CHANNEL_SHARES)
    channel = CHANNELS.get(name, CHANNELS["email"])
    created = ctx.created_ms
    age = max(ctx.now_ms - created, 0)
    inbound = chance(rng, channel.inbound)
    reply = int(channel.first_response * rng.lognormvariate(0.0, 0.8))
    wait = reply if inbound and chance(rng, channel.answered) and reply <= age else None
    done = (wait or 0) + int(channel.until_done * rng.lognormvariate(0.0, 0.7))
    done_after = done if chance(rng, 0.94) and done <= age else None
    reopened = 0 if done_after is None else min(int(rng.expovariate(2.5)), 4)
    status = "done" if done_after is not None else weighted(rng, {"open": 4, "snoozed": 1})
    if reopened and chance(rng, 0.15):
        status = "open"
    talk = max(1, round(rng.gauss(channel.messages, channel.messages / 3)))
    return Story(
        channel=name,
        created=created,
        direction="in" if inbound else "out",
        age=age,
        wait=wait,
        done_after=done_after,
        status=status,
        reopened=reopened,
        inbound=max(talk // 2, int(inbound)),
        outbound=max(talk - talk // 2 - int(wait is None), int(not inbound)),
        users=ctx.some(rng, "users", 1),
        teams=ctx.some(rng, "teams", 1),
        author=ctx.one(rng, "user", "users"),
    )
