# Values are never here, nor in the state: `make deploy` adds a random first version where there is
# none. No rotation by the clock: webhook secrets that were sealed under a key need it until they
# have been rotated themselves (docs/operations.md).

locals {
  secrets = ["motif-webhook-main-keys", "motif-session-keys", "motif-cdn-keys"]
}

resource "google_secret_manager_secret" "all" {
  for_each = toset(local.secrets)

  project             = var.project
  secret_id           = each.value
  deletion_protection = var.deletion_protection

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.all]
}
