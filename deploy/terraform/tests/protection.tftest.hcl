mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project = "motif-test"
  images = {
    ingest    = "us-central1-docker.pkg.dev/motif-test/motif/ingest@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    generator = "us-central1-docker.pkg.dev/motif-test/motif/generator@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    notifier  = "us-central1-docker.pkg.dev/motif-test/motif/notifier@sha256:3333333333333333333333333333333333333333333333333333333333333333"
  }
}

run "protected_unless_said_otherwise" {
  assert {
    condition = alltrue(concat(
      [for service in [google_cloud_run_v2_service.ingest, google_cloud_run_v2_service.generator, google_cloud_run_v2_service.notifier] : service.deletion_protection],
      [for bucket in [google_storage_bucket.prompts, google_storage_bucket.output] : !bucket.force_destroy],
      [for secret in google_secret_manager_secret.all : secret.deletion_protection],
      [google_firestore_database.motif.delete_protection_state == "DELETE_PROTECTION_ENABLED"],
    ))
    error_message = "Something can be deleted by mistake."
  }
}

# Its end destroys everything: were something protected in another way, this file would fail.
run "ready_to_be_destroyed" {
  variables {
    deletion_protection = false
  }
  assert {
    condition = alltrue(concat(
      [for service in [google_cloud_run_v2_service.ingest, google_cloud_run_v2_service.generator, google_cloud_run_v2_service.notifier] : !service.deletion_protection],
      [for bucket in [google_storage_bucket.prompts, google_storage_bucket.output] : bucket.force_destroy],
      [for secret in google_secret_manager_secret.all : !secret.deletion_protection],
      [google_firestore_database.motif.delete_protection_state == "DELETE_PROTECTION_DISABLED", google_firestore_database.motif.deletion_policy == "DELETE"],
    ))
    error_message = "Something is still protected, or would be left behind."
  }
}
