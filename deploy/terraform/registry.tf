resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Google's own encryption at rest; the images hold no secret and no customer's data.
  project       = var.project
  location      = var.region
  repository_id = "motif"
  description   = "Images of Motif's services"
  format        = "DOCKER"

  cleanup_policy_dry_run = false

  # Cloud Run keeps its own copy of what runs; these are for roll-backs.
  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "drop-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.all]
}

# What `make deploy` sends to Cloud Build: not beside the state, which a build has no business with.
resource "google_storage_bucket" "build" {
  # checkov:skip=CKV_GCP_62:It holds source for a day; who changes the bucket is in the audit log.
  # checkov:skip=CKV_GCP_78:Nothing in it is ever needed again.
  project  = var.project
  name     = "${var.project}-motif-build"
  location = var.region

  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 1
    }
  }

  depends_on = [google_project_service.all]
}
