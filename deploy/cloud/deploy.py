"""``python -m deploy.cloud.deploy --project P``: an empty project becomes a running Motif.

Four phases, each safe to repeat: what everything stands on; images; the rest; subscriptions.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from deploy.cloud import cdn_keys, foundation, images, options, subscriptions
from deploy.cloud.names import Cloud
from deploy.cloud.runner import CommandFailed, Runner
from deploy.cloud.state_bucket import WrongRegion
from deploy.cloud.subscriptions import WrongSettings
from deploy.cloud.terraform import Terraform


def main(arguments: Sequence[str] | None = None) -> None:
    """Deploy; what can be expected to fail ends with one message."""
    parser = options.parser("deploy.cloud.deploy", __doc__)
    parser.add_argument("--local-docker", action="store_true", help="build images here")
    parser.add_argument("--var-file", default="", help="further variables for Terraform")
    parser.add_argument("--tag", default=f"{datetime.now(UTC):%Y%m%d-%H%M%S}", help="of the images")
    asked = parser.parse_args(arguments)
    try:
        deploy(Runner(dry=asked.dry_run), options.cloud(asked), asked)
    except (CommandFailed, WrongSettings, ValueError) as exc:
        sys.exit(f"Not deployed: {exc}\nEach phase may be repeated: run the same command again.")
    except WrongRegion as exc:
        sys.exit(f"Nothing was touched. {exc}")


def deploy(runner: Runner, cloud: Cloud, asked: argparse.Namespace) -> None:
    """All four phases.

    Raises:
        CommandFailed, WrongSettings: one of the steps.
        ValueError: a CDN key that is none.
        WrongRegion: there is a Motif elsewhere.
    """
    terraform = Terraform(runner, cloud, var_file=asked.var_file)
    _phase(1, "APIs, registry, agents, secrets")
    foundation.lay(runner, cloud, terraform)
    _phase(2, "images")
    built = images.build(runner, cloud, asked.tag, local_docker=asked.local_docker)
    _phase(3, "everything else")
    versions = foundation.newest_versions(runner, cloud)
    cdn_keys.add(runner, cloud)
    terraform.apply(built, more={"secret_versions": json.dumps(versions)})
    cdn_keys.add(runner, cloud)  # the first time, there was nothing to put them on before
    cdn_keys.drop(runner, cloud)
    _phase(4, "the subscriptions behind the triggers")
    subscriptions.settle(runner, cloud)
    project = cloud.project
    print(f"Deployed. Next: make key TENANT=me PROJECT={project}; make verify PROJECT={project}")


def _phase(number: int, what: str) -> None:
    print(f"-- {number} of 4: {what}", flush=True)


if __name__ == "__main__":
    main()
