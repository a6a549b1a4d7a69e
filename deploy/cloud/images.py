"""Phase 2: three images, built, pushed, and known by their digests from there on."""

from collections.abc import Mapping

from deploy.cloud.commands import command
from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.runner import CommandFailed, Runner


def build(runner: Runner, cloud: Cloud, tag: str, *, local_docker: bool) -> Mapping[str, str]:
    """Build and push by Cloud Build, or with the docker of this machine; see ``digests``.

    Raises:
        CommandFailed: a build or a push.
    """
    if local_docker:
        runner.do(command("docker login", region=cloud.region))
        for name in SERVICES:
            image = f"{cloud.repository}/{name}:{tag}"
            runner.do(command("docker build", service=name, image=image))
            runner.do(command("docker push", image=image))
    else:
        places = {"repository": cloud.repository, "bucket": cloud.build_bucket}
        runner.do(command("build", project=cloud.project, tag=tag, **places))
    return digests(runner, cloud, tag)


def digests(runner: Runner, cloud: Cloud, tag: str) -> Mapping[str, str]:
    """Service -> image reference by digest: a tag may move, this may not.

    Raises:
        CommandFailed: there is no such image, or the registry tells no digest.
    """
    found = {}
    for name in SERVICES:
        image = f"{cloud.repository}/{name}"
        asked = command("digest", image=f"{image}:{tag}", project=cloud.project)
        digest = runner.ask(asked, sample="sha256:" + "a" * 64)
        if not digest.startswith("sha256:"):
            raise CommandFailed(asked, f"no digest: {digest!r}")
        found[name] = f"{image}@{digest}"
    return found
