locals {
  apis = toset(concat(
    [
      "aiplatform",
      "artifactregistry",
      "cloudbuild",
      "cloudresourcemanager",
      "cloudscheduler",
      "cloudtrace",
      "eventarc",
      "firestore",
      "iam",
      "iamcredentials",
      "logging",
      "monitoring",
      "pubsub",
      "run",
      "secretmanager",
      "serviceusage",
      "storage",
      "telemetry",
    ],
    var.domain == "" ? [] : ["compute"],
  ))
}

resource "google_project_service" "all" {
  for_each = local.apis

  project = var.project
  service = "${each.value}.googleapis.com"

  # What else lives in the project may need them, and other resources could not be read any more.
  disable_on_destroy         = false
  disable_dependent_services = false
}

# Read at each plan, never deferred: were the number unknown, every binding would be replaced.
# So the API cloudresourcemanager has to be on before the first full plan.
data "google_project" "this" {
  project_id = var.project
}
