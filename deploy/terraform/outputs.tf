output "region" {
  description = "Where everything is."
  value       = var.region
}

output "urls" {
  description = "Service => its URL; that of ingest is what clients reach the API under."
  value = {
    ingest    = local.api_url
    generator = google_cloud_run_v2_service.generator.uri
    notifier  = google_cloud_run_v2_service.notifier.uri
  }
}

output "buckets" {
  description = "Names of the buckets."
  value = {
    prompts = google_storage_bucket.prompts.name
    output  = google_storage_bucket.output.name
  }
}

output "triggers" {
  description = "Topic => name of its trigger."
  value       = { for topic, trigger in google_eventarc_trigger.all : topic => trigger.name }
}

output "dead_letter_topics" {
  description = "Topic => id of its dead-letter topic (projects/P/topics/T)."
  value       = { for topic, dead in google_pubsub_topic.dead : topic => dead.id }
}

output "repository" {
  description = "Where images are pushed: REPOSITORY/SERVICE."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "service_accounts" {
  description = "Account => its email."
  value       = { for name, account in google_service_account.all : name => account.email }
}
