"""Are both buckets there, as they were meant to be, and nobody else's business?"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from deploy.cloud.world import Failed, World

Rule = tuple[str, str, str, str, tuple[str, ...]]
Check = tuple[str, Callable[[], None]]

RULES: Final[Mapping[str, frozenset[Rule]]] = {
    "prompts": frozenset([("Delete", "", "1", "", ("images/",))]),
    "output": frozenset(
        [
            ("SetStorageClass", "NEARLINE", "30", "", ()),
            ("SetStorageClass", "COLDLINE", "90", "", ()),
            ("Delete", "", "7", "", ("clips/",)),
            ("Delete", "", "", "7", ("clips/",)),
        ]
    ),
}
"""Bucket -> action, class, age, days since noncurrent, prefixes: all rules, and no others."""
_EVERYBODY: Final = frozenset({"allUsers", "allAuthenticatedUsers"})


def checks(world: World) -> Iterator[Check]:
    """Name -> what raises Failed."""
    for role in ("prompts", "output"):
        look = _Look(world, role)
        yield f"{role}-bucket", look.exists
        yield f"{role}-versioning", look.versioning
        yield f"{role}-lifecycle", look.lifecycle
        yield f"{role}-uniform-access", look.uniform_access
        yield f"{role}-public-access-prevention", look.public_access_prevention
        yield f"{role}-iam", look.iam


class _Look:
    """One bucket, read anew by each check."""

    def __init__(self, world: World, role: str) -> None:
        self._storage, self._name, self._rules = world.storage, world.buckets[role], RULES[role]

    def exists(self) -> None:
        self._bucket()

    def _bucket(self) -> dict[str, Any]:
        found = self._storage.bucket(self._name)
        if found is None:
            raise Failed(f"there is no bucket {self._name}")
        return found

    def versioning(self) -> None:
        if not self._bucket().get("versioning", {}).get("enabled"):
            raise Failed("off: an object that is overwritten is gone")

    def lifecycle(self) -> None:
        found = {_rule(rule) for rule in self._bucket().get("lifecycle", {}).get("rule", [])}
        gone, strange = self._rules - found, found - self._rules
        said = [f"no rule {_told(rule)}" for rule in sorted(gone)]
        said += [f"unknown rule {_told(rule)}" for rule in sorted(strange)]
        if said:
            raise Failed("; ".join(said))

    def uniform_access(self) -> None:
        settings = self._bucket().get("iamConfiguration", {})
        if not settings.get("uniformBucketLevelAccess", {}).get("enabled"):
            raise Failed("off: single objects may be opened to anybody")

    def public_access_prevention(self) -> None:
        found = self._bucket().get("iamConfiguration", {}).get("publicAccessPrevention")
        if found != "enforced":
            raise Failed(f"{found}: the bucket may be opened to everybody")

    def iam(self) -> None:
        for binding in self._storage.policy(self._name).get("bindings", []):
            if public := _EVERYBODY & frozenset(binding["members"]):
                raise Failed(f"{', '.join(sorted(public))} may {binding['role']}")


def _rule(rule: Mapping[str, Any]) -> Rule:
    action, condition = rule["action"], rule["condition"]
    return (
        action["type"],
        action.get("storageClass", ""),
        str(condition.get("age", "")),
        str(condition.get("daysSinceNoncurrentTime", "")),
        tuple(sorted(condition.get("matchesPrefix", []))),
    )


def _told(rule: Rule) -> str:
    action, kind, age, noncurrent, prefixes = rule
    parts = [action, kind, age and f"at {age} days"]
    parts += [noncurrent and f"{noncurrent} days after being replaced", " ".join(prefixes)]
    return " ".join(filter(None, parts))
