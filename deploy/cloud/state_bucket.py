"""The bucket of Terraform's state: whether a project has a Motif, and in which region."""

from deploy.cloud.commands import command
from deploy.cloud.names import Cloud
from deploy.cloud.runner import Runner


class WrongRegion(RuntimeError):
    """The project's one Motif is elsewhere; the text says where, and what to type."""


def there(runner: Runner, cloud: Cloud, *, sample: bool) -> bool:
    """Whether there is a state. In another region Terraform would make all of it anew.

    *sample*: what a dry run takes for true.

    Raises:
        WrongRegion: it is there, and not in the region that was asked for.
    """
    asked = command("bucket", bucket=cloud.state_bucket)
    found = (runner.asked(asked, sample=cloud.region if sample else "") or "").lower()
    if found and found != cloud.region:
        raise WrongRegion(
            f"Motif of {cloud.project} is in {found}, not in {cloud.region}, and a project holds"
            f" one: GCP_REGION={found} make ..., or destroy it first."
        )
    return bool(found)
