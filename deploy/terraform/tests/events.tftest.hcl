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

run "topics" {
  assert {
    condition     = toset(keys(google_pubsub_topic.all)) == toset(["track-requests", "track-events", "track-progress"])
    error_message = "There are other topics than the services know."
  }

  assert {
    condition = alltrue([
      for name, topic in google_pubsub_topic.all : (
        topic.name == name &&
        one(topic.schema_settings).encoding == "JSON" &&
        one(topic.schema_settings).schema == google_pubsub_schema.all[name].id &&
        google_pubsub_schema.all[name].type == "AVRO" &&
        jsondecode(google_pubsub_schema.all[name].definition) == jsondecode(file("../schemas/${name}.avsc"))
      )
    ])
    error_message = "A topic takes messages of another form than its schema's."
  }

  assert {
    condition     = alltrue([for topic in google_pubsub_topic.all : topic.message_retention_duration == null])
    error_message = "A topic keeps what was delivered, and so what is erased."
  }

  # Without a subscription dead letters are lost; by default it goes after 31 idle days.
  assert {
    condition = alltrue([
      for name, subscription in google_pubsub_subscription.dead : (
        google_pubsub_topic.dead[name].name == "${name}-dead" &&
        length(google_pubsub_topic.dead[name].schema_settings) == 0 &&
        subscription.name == "${name}-dead-sub" &&
        subscription.topic == google_pubsub_topic.dead[name].id &&
        one(subscription.expiration_policy).ttl == "" &&
        subscription.message_retention_duration == "604800s" &&
        subscription.ack_deadline_seconds == 600 &&
        length(subscription.push_config) == 0 &&
        length(subscription.dead_letter_policy) == 0
      )
    ]) && keys(google_pubsub_subscription.dead) == keys(google_pubsub_topic.all)
    error_message = "Dead letters of a topic are not kept for 7 days."
  }
}

run "retention" {
  variables {
    topic_retention = "86400s"
  }
  assert {
    condition     = alltrue([for topic in google_pubsub_topic.all : topic.message_retention_duration == "86400s"])
    error_message = "A retention that was asked for is not set."
  }
}

run "retention_of_another_form" {
  command = plan
  variables {
    topic_retention = "1 day"
  }
  expect_failures = [var.topic_retention]
}

run "triggers" {
  assert {
    condition = {
      for name, trigger in google_eventarc_trigger.all :
      trigger.name => "${one(one(trigger.destination).cloud_run_service).service}${one(one(trigger.destination).cloud_run_service).path}"
      } == {
      motif-track-requests = "motif-generator/events/requests"
      motif-track-events   = "motif-notifier/events/tracks"
      motif-track-progress = "motif-notifier/events/tracks"
    }
    error_message = "A topic is delivered elsewhere."
  }

  assert {
    condition = alltrue([
      for name, trigger in google_eventarc_trigger.all : (
        one(one(trigger.transport).pubsub).topic == google_pubsub_topic.all[name].id &&
        one([for criterion in trigger.matching_criteria : "${criterion.attribute}=${criterion.value}"]) == "type=google.cloud.pubsub.topic.v1.messagePublished" &&
        trigger.service_account == google_service_account.all["eventarc"].email &&
        trigger.location == "us-central1"
      )
    ])
    error_message = "A trigger listens to another topic, or pushes as another account."
  }
}

run "sweeps" {
  assert {
    condition     = { for name, job in google_cloud_scheduler_job.sweep : name => job.name } == { generator = "motif-sweep-generator", notifier = "motif-sweep-notifier" }
    error_message = "Each service that has a sweeper is swept, and no other."
  }

  assert {
    condition = alltrue([
      for name, job in google_cloud_scheduler_job.sweep : (
        job.schedule == "* * * * *" &&
        job.paused == false &&
        job.attempt_deadline == "180s" &&
        one(job.retry_config).retry_count == 1 &&
        one(job.http_target).http_method == "POST" &&
        one(job.http_target).uri == "${local.private[name].uri}/internal/sweep" &&
        one(one(job.http_target).oidc_token).audience == local.private[name].uri &&
        one(one(job.http_target).oidc_token).service_account_email == google_service_account.all["scheduler"].email
      )
    ])
    error_message = "A sweep is not called each minute, with a token for exactly that service."
  }
}

run "outputs" {
  assert {
    condition = (
      output.region == "us-central1" &&
      output.urls.ingest == "https://motif-ingest-123456789012.us-central1.run.app" &&
      output.urls.generator == google_cloud_run_v2_service.generator.uri &&
      output.urls.notifier == google_cloud_run_v2_service.notifier.uri &&
      output.buckets == { prompts = "motif-test-motif-prompts", output = "motif-test-motif-output" } &&
      output.triggers == { for name in keys(local.topics) : name => "motif-${name}" } &&
      output.dead_letter_topics == { for name in keys(local.topics) : name => google_pubsub_topic.dead[name].id } &&
      output.repository == "us-central1-docker.pkg.dev/motif-test/motif" &&
      join(" ", keys(output.service_accounts)) == "build eventarc generator ingest notifier scheduler signer"
    )
    error_message = "The commands are told something else than what is there."
  }
}
