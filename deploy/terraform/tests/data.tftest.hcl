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

run "buckets" {
  assert {
    condition     = google_storage_bucket.prompts.name == "motif-test-motif-prompts" && google_storage_bucket.output.name == "motif-test-motif-output"
    error_message = "The buckets have other names than the commands know."
  }

  # Source on its way to a build: gone after a day, and never in the way of an end.
  assert {
    condition = (
      google_storage_bucket.build.name == "motif-test-motif-build" &&
      google_storage_bucket.build.force_destroy &&
      google_storage_bucket.build.uniform_bucket_level_access &&
      google_storage_bucket.build.public_access_prevention == "enforced" &&
      one(google_storage_bucket.build.soft_delete_policy).retention_duration_seconds == 0 &&
      one(one(google_storage_bucket.build.lifecycle_rule).condition).age == 1
    )
    error_message = "Source is kept, may be seen, or keeps the project from being emptied."
  }

  # Defaults: no versions, access by object, public access as inherited, soft delete for 7 days.
  assert {
    condition = alltrue([
      for bucket in [google_storage_bucket.prompts, google_storage_bucket.output] : (
        one(bucket.versioning).enabled &&
        bucket.uniform_bucket_level_access &&
        bucket.public_access_prevention == "enforced" &&
        one(bucket.soft_delete_policy).retention_duration_seconds == 0 &&
        bucket.location == "us-central1" &&
        bucket.storage_class == "STANDARD"
      )
    ])
    error_message = "A bucket is not versioned, not closed, or keeps what was erased."
  }

  assert {
    condition = toset([
      for rule in google_storage_bucket.output.lifecycle_rule : join(" ", compact([
        one(rule.action).type,
        one(rule.action).storage_class,
        try(join(",", one(rule.condition).matches_prefix), ""),
        try("age ${one(rule.condition).age}", ""),
        try("noncurrent ${one(rule.condition).days_since_noncurrent_time}", ""),
      ]))
      ]) == toset([
      "SetStorageClass NEARLINE age 30",
      "SetStorageClass COLDLINE age 90",
      "Delete clips/ age 7",
      "Delete clips/ noncurrent 7",
    ])
    error_message = "The life of what is in OUTPUT is another."
  }

  assert {
    condition = [
      for rule in google_storage_bucket.prompts.lifecycle_rule :
      "${one(rule.action).type} ${join(",", one(rule.condition).matches_prefix)} age ${one(rule.condition).age}"
    ] == ["Delete images/ age 1"]
    error_message = "Images are kept for longer than a day, or accepted requests go by themselves."
  }

  assert {
    condition = (
      one(google_storage_bucket.output.cors).origin == tolist(["https://motif-ingest-123456789012.us-central1.run.app"]) &&
      one(google_storage_bucket.output.cors).method == tolist(["GET", "HEAD"]) &&
      length(setsubtract(["Content-Range", "Range", "If-None-Match"], one(google_storage_bucket.output.cors).response_header)) == 0
    )
    error_message = "Pages of others may read audio, or our own may not."
  }
}

run "origins" {
  variables {
    domain = "motif.example.com"
  }
  assert {
    condition     = one(google_storage_bucket.output.cors).origin == tolist(["https://motif.example.com", "https://motif-ingest-123456789012.us-central1.run.app"])
    error_message = "The domain's page may not read audio."
  }
}

run "pages_of_others" {
  variables {
    cors_origins = "https://a.example"
  }
  assert {
    condition     = one(google_storage_bucket.output.cors).origin == tolist(["*"])
    error_message = "After the API's redirect a page of another origin may not read audio."
  }
}

run "database" {
  assert {
    condition = (
      google_firestore_database.motif.name == "(default)" &&
      google_firestore_database.motif.type == "FIRESTORE_NATIVE" &&
      google_firestore_database.motif.location_id == "us-central1" &&
      google_firestore_database.motif.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_DISABLED" &&
      google_firestore_database.motif.deletion_policy == "DELETE"
    )
    error_message = "The database is another, keeps what was erased, or would be left behind."
  }

  assert {
    condition = {
      for key, index in google_firestore_index.all : key => join(", ", concat([index.collection], [
        for field in index.fields : field.order == "DESCENDING" ? "${field.field_path} desc" : field.field_path if field.field_path != "__name__"
      ]))
    } == { for index in local.indexes : join(", ", index) => join(", ", index) }
    error_message = "An index has other fields, or another order, than the list says."
  }

  assert {
    condition = alltrue([
      for field in concat(values(google_firestore_field.unindexed), values(google_firestore_field.expiring)) :
      length(field.index_config) == 1 && length(one(field.index_config).indexes) == 0
    ])
    error_message = "A field is indexed that nobody asks for."
  }

  assert {
    condition = (
      toset(keys(google_firestore_field.expiring)) == toset(local.expiring) &&
      alltrue([for field in google_firestore_field.expiring : field.field == "expire_at" && length(field.ttl_config) == 1]) &&
      alltrue([for field in google_firestore_field.unindexed : length(field.ttl_config) == 0])
    )
    error_message = "Documents do not go at their expire_at, or others do."
  }
}

run "secrets" {
  assert {
    condition     = toset([for secret in google_secret_manager_secret.all : secret.secret_id]) == toset(["motif-webhook-main-keys", "motif-session-keys", "motif-cdn-keys"])
    error_message = "The secrets have other names than the commands know."
  }

  assert {
    condition = alltrue([
      for secret in google_secret_manager_secret.all :
      one([for replica in one(one(secret.replication).user_managed).replicas : replica.location]) == "us-central1"
    ])
    error_message = "A secret leaves the region."
  }
}
