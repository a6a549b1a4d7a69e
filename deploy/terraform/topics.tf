locals {
  # Topic => where its trigger delivers.
  topics = {
    track-requests = { service = "generator", path = "/events/requests" }
    track-events   = { service = "notifier", path = "/events/tracks" }
    track-progress = { service = "notifier", path = "/events/tracks" }
  }
}

resource "google_pubsub_schema" "all" {
  for_each = local.topics

  project    = var.project
  name       = each.key
  type       = "AVRO"
  definition = file("${path.module}/../schemas/${each.key}.avsc")

  depends_on = [google_project_service.all]
}

resource "google_pubsub_topic" "all" {
  # checkov:skip=CKV_GCP_83:Google's own encryption at rest; a key of our own would be one more thing that can be lost.
  for_each = local.topics

  project                    = var.project
  name                       = each.key
  message_retention_duration = var.topic_retention

  schema_settings {
    schema   = google_pubsub_schema.all[each.key].id
    encoding = "JSON"
  }

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

# No schema: the bytes that could not be read are kept as they are.
resource "google_pubsub_topic" "dead" {
  # checkov:skip=CKV_GCP_83:Google's own encryption at rest; a key of our own would be one more thing that can be lost.
  for_each = local.topics

  project = var.project
  name    = "${each.key}-dead"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.all]
}

# Without it what goes to the dead-letter topic would be lost; operators and an alert read it.
resource "google_pubsub_subscription" "dead" {
  for_each = local.topics

  project = var.project
  name    = "${each.key}-dead-sub"
  topic   = google_pubsub_topic.dead[each.key].id

  ack_deadline_seconds       = 600
  message_retention_duration = "604800s"
  retain_acked_messages      = false

  # The default deletes a subscription that nobody has read for 31 days.
  expiration_policy {
    ttl = ""
  }
}
