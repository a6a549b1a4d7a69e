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
