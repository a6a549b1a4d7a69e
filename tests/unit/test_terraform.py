"""What deploy/terraform says is what the docs and the services say; no Terraform is needed."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

from shared import delivery
from shared.ports import Collection
from shared.timing import Timing

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "deploy" / "terraform"


def module(name: str) -> str:
    return (MODULE / name).read_text()


def table(page: str, start: str) -> list[list[str]]:
    """The rows of the first table after *start*, without its head, each cell without backquotes."""
    rest = (ROOT / "docs" / page).read_text().partition(start)[2]
    lines = re.search(r"(?:^\|.*\|\n)+", rest, re.MULTILINE)
    assert lines, f"{page}: no table after {start!r}"
    rows = [line.strip("|").split("|") for line in lines[0].splitlines()[2:]]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows]


def listed(text: str, name: str) -> list[list[str]]:
    """A local list of lists of words."""
    body = re.search(rf"^  {name} = \[\n(.*?)^  \]", text, re.MULTILINE | re.DOTALL)
    assert body, name
    return [re.findall(r'"([^"]+)"', line) for line in body[1].splitlines() if '"' in line]


def collections() -> Iterator[Collection[object]]:
    """Every Firestore collection that the code knows."""
    for top in ("shared", "services"):
        for path in (ROOT / top).rglob("*.py"):
            if re.search(r"= Collection\(", path.read_text()):
                found = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                yield from (v for v in vars(found).values() if isinstance(v, Collection))


def test_the_table_of_roles_is_what_is_granted() -> None:
    granted = re.findall(
        r'{ account = "([^"]+)", role = "([^"]+)", on = "([^"]+)"', module("accounts.tf")
    )
    documented = table("security.md", "<!-- roles -->")
    assert len(granted) > 20
    assert [tuple(row[:3]) for row in documented] == granted
    assert all(why for *_, why in documented)


def test_the_tables_of_indexes_are_what_is_made() -> None:
    text = module("firestore.tf")
    documented = [
        (collection, *(name.replace(" (descending)", " desc") for name in names.split(", ")))
        for collection, names, _ in table("operations.md", "## Indexes")
    ]
    made = [tuple(index) for index in listed(text, "indexes")]
    assert len(made) > 10
    assert sorted(made) == sorted(documented)
    operations = (ROOT / "docs" / "operations.md").read_text()
    exempt = re.search(r"Exempt (.*?) of `(\w+)` from indexing", operations)
    assert exempt
    assert listed(text, "unindexed") == [
        [exempt[2], name] for name in re.findall(r"`(\w+)`", exempt[1])
    ]


def test_documents_that_expire_have_a_policy_and_no_others() -> None:
    known = {collection.name: collection.type for collection in collections()}
    assert {"tracks", "usage"} <= known.keys()
    ends = {
        name
        for name, type_ in known.items()
        if is_dataclass(type_) and "expire_at" in {field.name for field in fields(type_)}
    }
    expiring = re.search(r"^  expiring = \[(.*)\]", module("firestore.tf"), re.MULTILINE)
    assert expiring
    assert set(re.findall(r'"(\w+)"', expiring[1])) == ends
    operations = (ROOT / "docs" / "operations.md").read_text()
    documented = re.search(r"Documents of (.*?)\s+go at their `expire_at`", operations, re.DOTALL)
    assert documented
    assert set(re.findall(r"`(\w+)`", documented[1])) == ends


@pytest.mark.parametrize("service", ["ingest", "generator", "notifier"])
def test_triggers_and_jobs_call_what_is_there(service: str) -> None:
    wiring = (ROOT / "services" / service / "app.py").read_text()
    delivered = re.findall(r'service = "(\w+)", path = "([^"]+)"', module("topics.tf"))
    assert {path for name, path in delivered if name == service} == set(
        re.findall(r'push_route\(app, "([^"]+)"', wiring)
    )
    private = re.search(
        r"^  private = {\n(.*?)^  }", module("services.tf"), re.MULTILINE | re.DOTALL
    )
    assert private
    swept = re.findall(r"^    (\w+) +=", private[1], re.MULTILINE)
    assert (service in swept) == ('sweep_route(app, "/internal/sweep"' in wiring)


def test_the_time_chain_ends_in_the_services() -> None:
    timing = Timing()
    timeouts = re.findall(r'^    timeout += "(\d+)s"', module("services.tf"), re.MULTILINE)
    assert sorted(map(float, timeouts)) == [timing.request_timeout, timing.request_timeout, 3600]
    assert timing.stream < 3600
    assert f"ack_deadline_seconds       = {timing.ack_deadline:.0f}" in module("topics.tf")


def test_ingest_takes_nobodys_word_on_callers_but_the_load_balancers() -> None:
    """Its address is known to nobody but Google: no mock of the provider has one."""
    (proxies,) = re.findall(r"^ +TRUSTED_PROXIES += (.*)$", module("settings.tf"), re.MULTILINE)
    assert proxies == 'var.domain == "" ? "" : google_compute_global_address.edge[0].address'
    addresses = re.findall(r"^ +ip_address += (.*)$", module("edge.tf"), re.MULTILINE)
    assert set(addresses) == {"google_compute_global_address.edge[0].id"}


def test_security_says_how_long_copies_of_what_is_erased_live() -> None:
    text = " ".join((ROOT / "docs" / "security.md").read_text().split())
    found = re.search(r"signed_url_cache_max_age_sec = (\d+)", module("edge.tf"))
    assert found
    assert f"hold a file for up to {int(found[1]) // 60} minutes" in text
    assert f"until it is {delivery.LIFETIME.seconds // 60} minutes old" in text
    (age,) = re.findall(r"max-age=(\d+)", delivery.CACHE_CONTROL)
    assert f"have played for {int(age) // 60} minutes" in text


def test_every_resource_has_a_test() -> None:
    made = {
        name
        for path in MODULE.glob("*.tf")
        for name in re.findall(r'^resource "(\w+)" "(\w+)"', path.read_text(), re.MULTILINE)
    }
    tests = "\n".join(path.read_text() for path in (MODULE / "tests").glob("*.tftest.hcl"))
    assert len(made) > 20
    assert {".".join(name) for name in made if not re.search(r"\b" + r"\.".join(name), tests)} == (
        set()
    )
