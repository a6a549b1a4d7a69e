"""Every command line of gcloud, terraform and docker that we run, as one table.

One table, so that all of them can be linted (``gcloud meta lint-gcloud-commands``): positional
arguments come first, because that linter takes what follows a bare flag for its value.
"""

import shlex
from collections.abc import Mapping
from string import Formatter
from typing import Final

_TERRAFORM: Final = "terraform -chdir=deploy/terraform"
_POLICY: Final = "--project={project} --format=json"
_SAMPLES: Final = {"shares": "my-revision=100"}
_OURS: Final = "track-(requests|events|progress)"

TABLE: Final[Mapping[str, str]] = {
    # 1: what the rest stands on
    "project number": "gcloud projects describe {project} --format=value(projectNumber)",
    "enable": "gcloud services enable serviceusage.googleapis.com"
    " cloudresourcemanager.googleapis.com iam.googleapis.com storage.googleapis.com"
    " cloudbuild.googleapis.com --project={project}",
    "bucket": "gcloud storage buckets describe gs://{bucket} --format=value(location)",
    "create bucket": "gcloud storage buckets create gs://{bucket} --location={region}"
    " --uniform-bucket-level-access --public-access-prevention --project={project}",
    "version bucket": "gcloud storage buckets update gs://{bucket} --versioning",
    "agent": "gcloud beta services identity create --service={service} --project={project}",
    "grant": "gcloud projects add-iam-policy-binding {project} --member={member} --role={role}"
    " --condition=None --format=none",
    "secret versions": "gcloud secrets versions list {secret} --filter=state=ENABLED --limit=1"
    " --sort-by=~createTime --format=value(name.basename()) --project={project}",
    "add secret version": "gcloud secrets versions add {secret} --data-file=- --project={project}",
    # 2: images
    "build": "gcloud builds submit . --config=deploy/cloud/images.yaml --project={project}"
    " --substitutions=_REPOSITORY={repository},_TAG={tag}"
    " --gcs-source-staging-dir=gs://{bucket}/source",
    "docker login": "gcloud auth configure-docker {region}-docker.pkg.dev --quiet",
    "docker build": "docker build --platform=linux/amd64 --file=services/{service}/Dockerfile"
    " --tag={image} .",
    "docker push": "docker push {image}",
    "digest": "gcloud artifacts docker images describe {image}"
    " --format=value(image_summary.digest) --project={project}",
    # 3: the rest
    "init": f"{_TERRAFORM} init -input=false -reconfigure -backend-config=bucket={{bucket}}",
    "apply": f"{_TERRAFORM} apply -input=false -auto-approve",
    "terraform destroy": f"{_TERRAFORM} destroy -input=false -auto-approve",
    "state": f"{_TERRAFORM} show -json",
    "untaint": f"{_TERRAFORM} untaint {{address}}",
    # 4: the subscriptions that Eventarc made
    "trigger": "gcloud eventarc triggers describe {trigger} --location={region}"
    " --project={project} --format=value(transport.pubsub.subscription)",
    "update subscription": "gcloud pubsub subscriptions update {subscription} --ack-deadline=600"
    " --min-retry-delay=10s --max-retry-delay=600s --dead-letter-topic={topic}-dead"
    " --max-delivery-attempts=10 --message-retention-duration=7d --expiration-period=never"
    " --dead-letter-topic-project={project} --project={project}",
    "grant subscription": "gcloud pubsub subscriptions add-iam-policy-binding {subscription}"
    " --member={member} --role=roles/pubsub.subscriber --project={project} --format=none",
    "subscription": f"gcloud pubsub subscriptions describe {{subscription}} {_POLICY}",
    "subscription policy": f"gcloud pubsub subscriptions get-iam-policy {{subscription}} {_POLICY}",
    # the keys of Cloud CDN, with a domain
    "cdn keys": "gcloud compute backend-buckets describe {backend}"
    " --format=value(cdnPolicy.signedUrlKeyNames) --project={project}",
    "secret": "gcloud secrets versions access latest --secret={secret} --project={project}",
    "add cdn key": "gcloud compute backend-buckets add-signed-url-key {backend}"
    " --key-name={key} --key-file=/dev/stdin --project={project}",
    "delete cdn key": "gcloud compute backend-buckets delete-signed-url-key {backend}"
    " --key-name={key} --project={project}",
    # verify, and the traffic of a new version
    "service": "gcloud run services describe {service} --region={region} --project={project}"
    " --format=json",
    "errors": "gcloud logging read"
    ' \'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
    " AND severity>=ERROR' --freshness=1h --limit=5 --format=json --project={project}",
    "revision errors": 'gcloud logging read \'resource.type="cloud_run_revision"'
    ' AND resource.labels.revision_name="{revision}" AND severity>=ERROR\''
    " --freshness=1h --limit=5 --format=json --project={project}",
    "token": "gcloud auth print-identity-token --impersonate-service-account={account}"
    " --audiences={audience} --include-email",
    "candidate": "gcloud run services update {service} --image={image} --no-traffic"
    " --tag=candidate --region={region} --project={project}",
    "shift": "gcloud run services update-traffic {service} --to-revisions={shares}"
    " --region={region} --project={project}",
    "back": "gcloud run services update-traffic {service} --to-revisions={shares}"
    " --remove-tags=candidate --region={region} --project={project}",
    "to latest": "gcloud run services update-traffic {service} --to-latest"
    " --remove-tags=candidate --region={region} --project={project}",
    # destroy
    "versions": "gcloud storage ls gs://{bucket}/** --all-versions",
    "empty bucket": "gcloud storage rm gs://{bucket}/** --all-versions --quiet",
    "delete bucket": "gcloud storage rm gs://{bucket} --recursive --quiet",
    "delete subscription": "gcloud pubsub subscriptions delete {name} --quiet --project={project}",
    "delete secret": "gcloud secrets delete {name} --quiet --project={project}",
    "delete images": "gcloud artifacts repositories delete {name} --location={region} --quiet"
    " --project={project}",
    "delete database": "gcloud firestore databases delete --database={name} --quiet"
    " --project={project}",
    "policy": "gcloud projects get-iam-policy {project} --format=json",
    "revoke": "gcloud projects remove-iam-policy-binding {project} --member={member} --role={role}"
    " --all --format=none",
    # what is left
    "left services": "gcloud run services list --filter=metadata.name~^motif-"
    " --format=value(metadata.name) --project={project}",
    "left triggers": "gcloud eventarc triggers list --location={region} --filter=name~/motif-"
    " --format=value(name) --project={project}",
    "left topics": f"gcloud pubsub topics list '--filter=name~\"/{_OURS}(-dead)?$\"'"
    " --format=value(name) --project={project}",
    "left schemas": f"gcloud pubsub schemas list '--filter=name~\"/{_OURS}$\"'"
    " --format=value(name) --project={project}",
    "left subscriptions": "gcloud pubsub subscriptions list"
    f" '--filter=name~\"/({_OURS}-dead-sub|eventarc-{{region}}-motif-.*)$\"'"
    " --format=value(name) --project={project}",
    "left buckets": "gcloud storage buckets list"
    " '--filter=name~\"^{project}-motif-(prompts|output|build|state)$\"'"
    " --format=value(name) --project={project}",
    "left secrets": "gcloud secrets list"
    " '--filter=name~\"/motif-(webhook-main-keys|session-keys|cdn-keys)$\"'"
    " --format=value(name.basename()) --project={project}",
    "left images": "gcloud artifacts repositories list --location={region} --filter=name~/motif$"
    " --format=value(name.basename()) --project={project}",
    "left databases": "gcloud firestore databases list '--filter=name~\"/[(]default[)]$\"'"
    " --format=value(name.basename()) --project={project}",
    "left jobs": "gcloud scheduler jobs list --location={region} --filter=name~/motif-"
    " --format=value(name) --project={project}",
    "left metrics": "gcloud logging metrics list --filter=name~^motif/ --format=value(name)"
    " --project={project}",
    "left dashboards": "gcloud monitoring dashboards list --filter=displayName~^Motif"
    " --format=value(name) --project={project}",
    "access token": "gcloud auth print-access-token",
    "compute": "gcloud services list --enabled --filter=config.name=compute.googleapis.com"
    " --format=value(config.name) --project={project}",
    "left addresses": "gcloud compute addresses list --filter=name=motif --format=value(name)"
    " --project={project}",
    "left backends": "gcloud compute backend-buckets list --filter=name~^motif-"
    " --format=value(name) --project={project}",
    "left accounts": "gcloud iam service-accounts list --filter=email~^motif-"
    " --format=value(email) --project={project}",
}


def command(name: str, /, **fields: str) -> list[str]:
    """The command *name* as arguments; a field stays one argument, whatever it holds.

    Raises:
        KeyError: there is no such command, or a field is missing.
    """
    return [part.format(**fields) for part in shlex.split(TABLE[name])]


def examples() -> dict[str, str]:
    """Every command by name as a line of shell, each field filled with its own name."""
    return {name: shlex.join(command(name, **_named(line))) for name, line in TABLE.items()}


def _named(line: str) -> dict[str, str]:
    fields = (field for _, field, _, _ in Formatter().parse(line) if field)
    return {field: _SAMPLES.get(field, f"my-{field}") for field in fields}
