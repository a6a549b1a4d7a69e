# Who may do what. docs/security.md has the same table, with the reasons; a test compares them.

locals {
  accounts = {
    ingest    = "The public API"
    generator = "Makes tracks"
    notifier  = "Sends webhooks"
    eventarc  = "Delivers messages to generator and notifier"
    scheduler = "Calls the sweepers"
    signer    = "Signs links to audio; nobody runs as it"
    build     = "Builds images, and rolls new versions out"
  }

  # What a link may lead to.
  linked = ["audio/", "metadata/", "waveforms/", "spectrograms/"]

  grants = [
    { account = "ingest", role = "roles/datastore.user", on = "database" },
    { account = "ingest", role = "roles/pubsub.publisher", on = "topic track-requests" },
    { account = "ingest", role = "roles/pubsub.publisher", on = "topic track-events" },
    { account = "ingest", role = "roles/pubsub.publisher", on = "topic track-progress" },
    { account = "ingest", role = "roles/iam.serviceAccountTokenCreator", on = "account signer" },
    { account = "ingest", role = "roles/secretmanager.secretAccessor", on = "secret motif-webhook-main-keys" },
    { account = "ingest", role = "roles/secretmanager.secretAccessor", on = "secret motif-session-keys" },
    { account = "ingest", role = "roles/secretmanager.secretAccessor", on = "secret motif-cdn-keys" },
    { account = "ingest", role = "roles/aiplatform.user", on = "project" },
    { account = "ingest", role = "roles/telemetry.tracesWriter", on = "project" },
    { account = "ingest", role = "roles/telemetry.metricsWriter", on = "project" },

    { account = "generator", role = "roles/datastore.user", on = "database" },
    { account = "generator", role = "roles/storage.objectUser", on = "bucket prompts" },
    { account = "generator", role = "roles/storage.objectUser", on = "bucket output" },
    { account = "generator", role = "roles/pubsub.publisher", on = "topic track-requests" },
    { account = "generator", role = "roles/pubsub.publisher", on = "topic track-events" },
    { account = "generator", role = "roles/pubsub.publisher", on = "topic track-progress" },
    { account = "generator", role = "roles/aiplatform.user", on = "project" },
    { account = "generator", role = "roles/telemetry.tracesWriter", on = "project" },
    { account = "generator", role = "roles/telemetry.metricsWriter", on = "project" },

    { account = "notifier", role = "roles/datastore.user", on = "database" },
    { account = "notifier", role = "roles/secretmanager.secretAccessor", on = "secret motif-webhook-main-keys" },
    { account = "notifier", role = "roles/telemetry.tracesWriter", on = "project" },
    { account = "notifier", role = "roles/telemetry.metricsWriter", on = "project" },

    { account = "eventarc", role = "roles/run.invoker", on = "service generator" },
    { account = "eventarc", role = "roles/run.invoker", on = "service notifier" },
    { account = "scheduler", role = "roles/run.invoker", on = "service generator" },
    { account = "scheduler", role = "roles/run.invoker", on = "service notifier" },
    { account = "signer", role = "roles/storage.objectViewer", on = "bucket output", below = local.linked },

    { account = "build", role = "roles/storage.objectViewer", on = "bucket build" },
    { account = "build", role = "roles/artifactregistry.writer", on = "registry images" },
    { account = "build", role = "roles/logging.logWriter", on = "project" },
    { account = "build", role = "roles/logging.viewer", on = "project" },
    { account = "build", role = "roles/run.developer", on = "service ingest" },
    { account = "build", role = "roles/run.developer", on = "service generator" },
    { account = "build", role = "roles/run.developer", on = "service notifier" },
    { account = "build", role = "roles/iam.serviceAccountUser", on = "account ingest" },
    { account = "build", role = "roles/iam.serviceAccountUser", on = "account generator" },
    { account = "build", role = "roles/iam.serviceAccountUser", on = "account notifier" },

    { account = "agent gcp-sa-pubsub", role = "roles/pubsub.publisher", on = "topic track-requests-dead" },
    { account = "agent gcp-sa-pubsub", role = "roles/pubsub.publisher", on = "topic track-events-dead" },
    { account = "agent gcp-sa-pubsub", role = "roles/pubsub.publisher", on = "topic track-progress-dead" },
  ]

  granted = {
    for grant in local.grants : "${grant.account} ${grant.role} ${grant.on}" => {
      role  = grant.role
      kind  = split(" ", grant.on)[0]
      name  = try(split(" ", grant.on)[1], "")
      below = try(grant.below, [])
      # Pub/Sub's own agent: `make deploy` has it made, with the role that Google gives it.
      member = try(
        "serviceAccount:${google_service_account.all[grant.account].email}",
        "serviceAccount:service-${data.google_project.this.number}@${split(" ", grant.account)[1]}.iam.gserviceaccount.com",
      )
    }
  }

  topic_names = merge(
    { for name, topic in google_pubsub_topic.all : name => topic.name },
    { for name, topic in google_pubsub_topic.dead : "${name}-dead" => topic.name },
  )
  bucket_names = {
    prompts = google_storage_bucket.prompts.name
    output  = google_storage_bucket.output.name
    build   = google_storage_bucket.build.name
  }
}

resource "google_service_account" "all" {
  for_each = local.accounts

  project      = var.project
  account_id   = "motif-${each.key}"
  display_name = "Motif: ${each.key}"
  description  = each.value

  depends_on = [google_project_service.all]
}

resource "google_project_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "project" }

  project = var.project
  role    = each.value.role
  member  = each.value.member

  depends_on = [google_project_service.all]
}

# Firestore has no policy of its own; the condition keeps the role to one database.
resource "google_project_iam_member" "database" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "database" }

  project = var.project
  role    = each.value.role
  member  = each.value.member

  condition {
    title      = "motif database only"
    expression = "resource.name == \"projects/${var.project}/databases/${google_firestore_database.motif.name}\""
  }
}

resource "google_storage_bucket_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "bucket" }

  bucket = local.bucket_names[each.value.name]
  role   = each.value.role
  member = each.value.member

  dynamic "condition" {
    for_each = length(each.value.below) == 0 ? [] : [each.value.below]
    content {
      title = "only what links lead to"
      expression = join(" || ", [
        for prefix in condition.value :
        "resource.name.startsWith(\"projects/_/buckets/${local.bucket_names[each.value.name]}/objects/${prefix}\")"
      ])
    }
  }
}

resource "google_pubsub_topic_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "topic" }

  project = var.project
  topic   = local.topic_names[each.value.name]
  role    = each.value.role
  member  = each.value.member
}

resource "google_secret_manager_secret_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "secret" }

  project   = var.project
  secret_id = google_secret_manager_secret.all[each.value.name].secret_id
  role      = each.value.role
  member    = each.value.member
}

resource "google_artifact_registry_repository_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "registry" }

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = each.value.role
  member     = each.value.member
}

resource "google_service_account_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "account" }

  service_account_id = google_service_account.all[each.value.name].name
  role               = each.value.role
  member             = each.value.member
}

resource "google_cloud_run_v2_service_iam_member" "all" {
  for_each = { for key, grant in local.granted : key => grant if grant.kind == "service" }

  project  = var.project
  location = var.region
  name     = merge(local.private, { ingest = google_cloud_run_v2_service.ingest })[each.value.name].name
  role     = each.value.role
  member   = each.value.member
}
