resource "google_firestore_database" "motif" {
  project     = var.project
  name        = "(default)"
  location_id = var.region
  type        = "FIRESTORE_NATIVE"

  # It would keep for 7 days what was erased.
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_DISABLED"

  # The default of the second, ABANDON, leaves the database behind.
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = "DELETE"

  depends_on = [google_project_service.all]
}

# docs/operations.md has the same indexes, with the reasons; a test compares them.
locals {
  indexes = [
    ["deliveries", "tenant", "once", "recorded_at"],
    ["deliveries", "endpoint_id", "state", "created_at"],
    ["endpoints", "tenant", "created_at"],
    ["tracks", "tenant", "erased", "created_at desc"],
    ["tracks", "tenant", "erased", "status", "created_at desc"],
    ["tracks", "tenant", "erased", "request.style", "created_at desc"],
    ["tracks", "tenant", "erased", "batch_id", "created_at desc"],
    ["tracks", "park", "wake_at"],
    ["tracks", "status", "queued_at"],
    ["tracks", "status", "clips_left"],
    ["usage", "status", "ended_at desc"],
    ["usage", "tenant", "day", "credit"],
    ["usage", "tenant", "day", "billed"],
    ["tracks", "tenant", "status", "debit.day", "debit.quote"],
  ]

  # Nobody searches for these, and each write would index them.
  unindexed = [
    ["deliveries", "body"],
    ["deliveries", "attempts"],
  ]

  # Documents that go by themselves, at their `expire_at`.
  expiring = ["tracks", "deliveries", "allowances", "images", "webhook_keys"]
}

resource "google_firestore_index" "all" {
  for_each = { for index in local.indexes : join(", ", index) => index }

  project     = var.project
  database    = google_firestore_database.motif.name
  collection  = each.value[0]
  query_scope = "COLLECTION"

  dynamic "fields" {
    for_each = slice(each.value, 1, length(each.value))
    content {
      field_path = split(" ", fields.value)[0]
      order      = endswith(fields.value, " desc") ? "DESCENDING" : "ASCENDING"
    }
  }
}

resource "google_firestore_field" "unindexed" {
  for_each = { for pair in local.unindexed : join(".", pair) => pair }

  project    = var.project
  database   = google_firestore_database.motif.name
  collection = each.value[0]
  field      = each.value[1]

  index_config {}
}

resource "google_firestore_field" "expiring" {
  for_each = toset(local.expiring)

  project    = var.project
  database   = google_firestore_database.motif.name
  collection = each.value
  field      = "expire_at"

  # Times that only grow would make one hot end of an index, and nobody asks for them.
  index_config {}
  ttl_config {}
}
