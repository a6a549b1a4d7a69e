"""``python -m deploy.cloud.destroy --project P``: nothing of Motif stays, tracks and keys included.

What no service of ours uses stays: enabled APIs, Google's own agents with their roles, logs.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from deploy.cloud import leftovers, options, state_bucket
from deploy.cloud.commands import command
from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.runner import ROOT, CommandFailed, Runner
from deploy.cloud.state_bucket import WrongRegion
from deploy.cloud.terraform import Terraform

_DELETED: Final = {
    "subscriptions": "delete subscription",
    "secrets": "delete secret",
    "images": "delete images",
    "databases": "delete database",
}
"""Kind -> the command for what Terraform did not make, or has lost from its state."""
_FILES: Final = ("deploy/terraform/.terraform", "deploy/terraform/.terraform.lock.hcl")


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, destroy, list what is left; end with 1 if anything is."""
    parser = options.parser("deploy.cloud.destroy", __doc__)
    parser.add_argument("--var-file", default="", help="the one that it was deployed with")
    asked = parser.parse_args(arguments)
    cloud = options.cloud(asked)
    if not (asked.dry_run or confirmed(cloud.project, input)):
        sys.exit("Nothing was touched.")
    try:
        remaining = destroy(Runner(dry=asked.dry_run), cloud, asked)
    except CommandFailed as exc:
        sys.exit(f"Stopped: {exc}\nRun the same command again when that is mended.")
    except WrongRegion as exc:
        sys.exit(f"Nothing was touched. {exc}")
    print("\n".join(["What is left:", *remaining] if remaining else ["Nothing is left."]))
    sys.exit(bool(remaining) and not asked.dry_run)


def confirmed(project: str, ask: Callable[[str], str]) -> bool:
    """Whether somebody, or the variable YES, names the project; no answer is no."""
    question = f"Everything of Motif in {project}, all tracks included, goes. Its name, to do it: "
    with suppress(EOFError):
        return (os.environ.get("YES") or ask(question)).strip() == project
    return False


def destroy(runner: Runner, cloud: Cloud, asked: argparse.Namespace) -> list[str]:
    """All of it; return what is left. Raises CommandFailed, WrongRegion."""
    terraform = Terraform(runner, cloud, var_file=asked.var_file)
    if state_bucket.there(runner, cloud, sample=True):
        _by_terraform(runner, cloud, terraform)
    for kind, name in _DELETED.items():
        for one in leftovers.left(runner, cloud, kind):
            runner.do(_delete(name, one, cloud))
    for member, role in leftovers.bindings(runner, cloud):
        runner.do(command("revoke", project=cloud.project, member=member, role=role))
    if state_bucket.there(runner, cloud, sample=True):
        runner.do(command("delete bucket", bucket=cloud.state_bucket))
    if not runner.dry:
        _forget_files()
    return leftovers.everything(runner, cloud)


def _by_terraform(runner: Runner, cloud: Cloud, terraform: Terraform) -> None:
    terraform.init()
    images = _images(runner, cloud)
    terraform.keep_unfinished()
    # Only what is there: half a deployment has to go, too, and nothing is to be made for that. A
    # service that somebody else has deleted would be made anew.
    gone = {
        f"google_cloud_run_v2_service.{service}" for service in SERVICES if service not in images
    }
    if guarded := sorted(terraform.guarded() - gone):
        terraform.apply(images, targets=guarded, more={"deletion_protection": "false"})
    for bucket in (cloud.prompts_bucket, cloud.output_bucket):
        # gcloud has no "delete if there": an empty or missing bucket is none of our business.
        if runner.asked(command("versions", bucket=bucket), sample="an object"):
            runner.do(command("empty bucket", bucket=bucket))
    terraform.destroy(images)


def _images(runner: Runner, cloud: Cloud) -> dict[str, str]:
    """What runs: protection is taken off services as they are."""
    found = {}
    for service in SERVICES:
        place = {"region": cloud.region, "project": cloud.project}
        asked = command("service", service=cloud.service(service), **place)
        if text := runner.asked(asked, sample=_SAMPLE):
            container = json.loads(text)["spec"]["template"]["spec"]["containers"][0]
            found[service] = container["image"]
    return found


def _delete(name: str, one: str, cloud: Cloud) -> list[str]:
    """The command *name* with what it needs; subscriptions and others by their last part."""
    return command(name, name=one.rpartition("/")[2], project=cloud.project, region=cloud.region)


def _forget_files() -> None:
    for path in (ROOT / name for name in _FILES):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


_SAMPLE: Final = json.dumps(
    {"spec": {"template": {"spec": {"containers": [{"image": f"image@sha256:{'a' * 64}"}]}}}}
)

if __name__ == "__main__":
    main()
