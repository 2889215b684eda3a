"""A simulated Kustomer organisation: its rows, klasses, custom attributes and limits."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from simulator.clock import Clock
from simulator.org.deletes import Deletes
from simulator.org.objects import KOBJECT
from simulator.org.seeding import seed as seed_org

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulator.jsontypes import JSON, Instant

ORG_ID = "5f0c5e1dd0a1b2c3d4e5f601"


class Org(Deletes):
    """Rows, klasses and custom attributes, with the org's clock, limits and roles.

    ``roles`` None grants all. ``index_lag`` is how many seconds the search shows a change late,
    or a function asked once per change. With ``shuffle_ties``, rows that share a timestamp come
    in another order with each search. ``audit`` writes an audit log with each change, which shows
    the entry ``audit_delay`` seconds later (or a function asked once per entry).
    ``realistic`` False leaves out the shapes: tests that need many rows quickly use that.
    Every method may be called from any thread.
    """

    def __init__(  # noqa: PLR0913  # each is something an org has
        self,
        seed: int = 0,
        *,
        clock: Clock | None = None,
        org_id: str = ORG_ID,
        name: str = "acme",
        plan_limit: int = 1000,
        search_limit: int = 100,
        roles: Iterable[str] | None = None,
        index_lag: float | Callable[[], float] = 0.0,
        shuffle_ties: bool = True,
        audit: bool = False,
        audit_delay: float | Callable[[], float] = 0.0,
        realistic: bool = True,
    ) -> None:
        super().__init__(
            seed,
            clock=clock or Clock(),
            org_id=org_id,
            index_lag=index_lag,
            audit=audit,
            audit_delay=audit_delay,
            realistic=realistic,
        )
        self.name = name
        self.plan_limit, self.search_limit = plan_limit, search_limit
        self.roles = None if roles is None else frozenset(roles)
        self.shuffle_ties = shuffle_ties
        self.shown: dict[str, list[JSON]] = {}  # rows of lists, by path
        self.ties = random.Random(f"{seed} ties")  # apart, so that reading changes no row

    def add_klass(
        self,
        name: str,
        status: str = "enabled",
        display_name: str | None = None,
        attributes: Mapping[str, JSON] | None = None,
        *,
        created_at: Instant | None = None,
    ) -> str:
        """Define a klass with its custom attributes and return its id."""
        with self.lock:
            [id_] = self.add(
                "klass",
                created_at=created_at or self.clock.now(),
                updated_at=self.clock.now(),
                name=name,
                displayName=display_name or name,
                status=status,
                relationships={"kobjects": {"links": {"self": f"/v1/klasses/{name}"}}},
            )
            self.metadata.open(f"{KOBJECT}.{name}")
            for key, definition in (attributes or {}).items():
                self.set_attribute(f"{KOBJECT}.{name}", key, **definition)
            return id_

    def show(self, path: str, rows: list[JSON]) -> None:
        """Let any path answer as a list of these resources."""
        self.shown[path] = rows

    def klass_id(self, name: str) -> str:
        """Return the id of the klass of that name."""
        with self.lock:
            for version in self.store.versions("klass"):
                if version.resource["attributes"]["name"] == name:
                    return version.id
        message = f"There is no klass {name!r}."
        raise KeyError(message)

    def rename_klass_display(self, name: str, display_name: str) -> None:
        """Change how a klass is called in the app; its name stays."""
        self.update("klass", self.klass_id(name), displayName=display_name)

    def set_klass_status(self, name: str, status: str) -> None:
        """Set `enabled`, `disabled` or `existing_only`."""
        self.update("klass", self.klass_id(name), status=status)

    def remove_klass(self, name: str) -> None:
        """Remove a klass and its metadata; its rows stay in the index."""
        with self.lock:
            self.erase("klass", self.klass_id(name))
            self.metadata.drop(f"{KOBJECT}.{name}")

    def set_attribute(self, resource: str, name: str, **definition: object) -> None:
        """Define a custom attribute of `customer`, `kobject.<klass>` and so on."""
        with self.lock:
            self.metadata.set(resource, name, definition, self.clock.now_ms())

    def delete_attribute(self, resource: str, name: str, *, erase: bool = False) -> None:
        """Mark a custom attribute as deleted; rows may keep its values."""
        with self.lock:
            self.metadata.delete(resource, name, self.clock.now_ms(), erase=erase)

    def seed(self, customers: int = 200, **options: Any) -> None:
        """Fill the org with a realistic whole; see ``simulator.org.seeding.seed``."""
        seed_org(self, customers=customers, **options)
