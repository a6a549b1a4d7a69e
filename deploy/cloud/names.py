"""What everything is called in the cloud: the same names as in deploy/terraform."""

from dataclasses import dataclass
from typing import Final

SERVICES: Final = ("notifier", "generator", "ingest")
"""Consumers first: a new producer may say what an old consumer does not know."""
TOPICS: Final = ("track-requests", "track-events", "track-progress")
SECRETS: Final = ("webhook-main-keys", "session-keys", "cdn-keys")
MODEL: Final = "lyria-002"


@dataclass(frozen=True, slots=True)
class Cloud:
    """One project and region."""

    project: str
    region: str = "us-central1"

    @property
    def state_bucket(self) -> str:
        """Terraform's state."""
        return f"{self.project}-motif-state"

    @property
    def build_bucket(self) -> str:
        """What builds are made from."""
        return f"{self.project}-motif-build"

    @property
    def prompts_bucket(self) -> str:
        """PROMPTS."""
        return f"{self.project}-motif-prompts"

    @property
    def output_bucket(self) -> str:
        """OUTPUT."""
        return f"{self.project}-motif-output"

    @property
    def repository(self) -> str:
        """Where images are pushed to."""
        return f"{self.region}-docker.pkg.dev/{self.project}/motif"

    def service(self, name: str) -> str:
        """``ingest`` -> ``motif-ingest``."""
        return f"motif-{name}"

    def account(self, name: str) -> str:
        """``scheduler`` -> the e-mail of ``motif-scheduler``."""
        return f"motif-{name}@{self.project}.iam.gserviceaccount.com"


def agent(number: str, host: str) -> str:
    """The member that is one of Google's own agents in the project of that *number*."""
    return f"serviceAccount:service-{number}@{host}.iam.gserviceaccount.com"
