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

run "services" {
  assert {
    condition = (
      google_cloud_run_v2_service.ingest.name == "motif-ingest" &&
      google_cloud_run_v2_service.generator.name == "motif-generator" &&
      google_cloud_run_v2_service.notifier.name == "motif-notifier"
    )
    error_message = "The services have other names than the commands know."
  }

  assert {
    condition = alltrue([
      for service in [google_cloud_run_v2_service.ingest, google_cloud_run_v2_service.generator, google_cloud_run_v2_service.notifier] :
      service.location == "us-central1"
    ])
    error_message = "A service is in another region."
  }

  assert {
    condition = (
      one(one(google_cloud_run_v2_service.ingest.template).containers).image == var.images.ingest &&
      one(one(google_cloud_run_v2_service.generator.template).containers).image == var.images.generator &&
      one(one(google_cloud_run_v2_service.notifier.template).containers).image == var.images.notifier
    )
    error_message = "A service runs another image than its own."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.ingest.ingress == "INGRESS_TRAFFIC_ALL" &&
      google_cloud_run_v2_service.ingest.invoker_iam_disabled &&
      google_cloud_run_v2_service.generator.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" &&
      !google_cloud_run_v2_service.generator.invoker_iam_disabled &&
      google_cloud_run_v2_service.notifier.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" &&
      !google_cloud_run_v2_service.notifier.invoker_iam_disabled
    )
    error_message = "Ingest alone is public; generator and notifier are private twice over."
  }

  assert {
    condition = (
      one(google_cloud_run_v2_service.ingest.template).service_account == google_service_account.all["ingest"].email &&
      one(google_cloud_run_v2_service.generator.template).service_account == google_service_account.all["generator"].email &&
      one(google_cloud_run_v2_service.notifier.template).service_account == google_service_account.all["notifier"].email
    )
    error_message = "Each service runs as its own account; the default one may do everything."
  }

  # Cloud Run's default is 300 s.
  assert {
    condition = (
      one(google_cloud_run_v2_service.ingest.template).timeout == "3600s" &&
      one(google_cloud_run_v2_service.generator.template).timeout == "540s" &&
      one(google_cloud_run_v2_service.notifier.template).timeout == "540s"
    )
    error_message = "The time chain is broken: handler budget 480 s < timeout 540 s < ack deadline 600 s; streams last an hour."
  }

  # The default is 80 for each CPU.
  assert {
    condition = (
      one(google_cloud_run_v2_service.ingest.template).max_instance_request_concurrency == tonumber(local.env.ingest["INGEST_THREADS"]) &&
      one(google_cloud_run_v2_service.generator.template).max_instance_request_concurrency == tonumber(local.env.generator["WORK_SLOTS"]) + 4 &&
      one(google_cloud_run_v2_service.generator.template).max_instance_request_concurrency < tonumber(local.process_env.generator["THREADS"]) &&
      one(google_cloud_run_v2_service.notifier.template).max_instance_request_concurrency < tonumber(local.process_env.notifier["THREADS"])
    )
    error_message = "More requests come than there are threads, or than the generator's slots and four."
  }

  assert {
    condition = alltrue([
      for template in [
        one(google_cloud_run_v2_service.ingest.template),
        one(google_cloud_run_v2_service.generator.template),
        one(google_cloud_run_v2_service.notifier.template),
      ] : one(template.scaling).min_instance_count == 0 && one(template.scaling).max_instance_count >= 5 && one(template.scaling).max_instance_count <= 10
    ])
    error_message = "An idle Motif costs nothing, and a busy one does not grow without end."
  }

  assert {
    condition = alltrue([
      for template in [
        one(google_cloud_run_v2_service.ingest.template),
        one(google_cloud_run_v2_service.generator.template),
        one(google_cloud_run_v2_service.notifier.template),
      ] : template.execution_environment == "EXECUTION_ENVIRONMENT_GEN2" && length(template.vpc_access) == 0
    ])
    error_message = "A service is not of the second generation, or has a way into a VPC."
  }

  assert {
    condition = alltrue([
      for container in [
        one(one(google_cloud_run_v2_service.ingest.template).containers),
        one(one(google_cloud_run_v2_service.generator.template).containers),
        one(one(google_cloud_run_v2_service.notifier.template).containers),
      ] : one(container.resources).startup_cpu_boost && one(container.resources).cpu_idle
    ])
    error_message = "CPU is boosted at the start and billed for requests only."
  }

  assert {
    condition     = one(one(one(google_cloud_run_v2_service.generator.template).containers).resources).limits["memory"] == "2Gi"
    error_message = "The generator needs 2 GiB for its slots."
  }

  assert {
    condition = alltrue([
      for container in [
        one(one(google_cloud_run_v2_service.ingest.template).containers),
        one(one(google_cloud_run_v2_service.generator.template).containers),
        one(one(google_cloud_run_v2_service.notifier.template).containers),
        ] : (
        one(one(container.startup_probe).http_get).path == "/startup" &&
        one(one(container.liveness_probe).http_get).path == "/live" &&
        one(container.startup_probe).timeout_seconds <= one(container.startup_probe).period_seconds &&
        one(container.liveness_probe).timeout_seconds <= one(container.liveness_probe).period_seconds
      )
    ])
    error_message = "A service is not probed at /startup and /live, or a probe outlives its period."
  }

  assert {
    condition = alltrue([
      for template in [
        one(google_cloud_run_v2_service.ingest.template),
        one(google_cloud_run_v2_service.generator.template),
        one(google_cloud_run_v2_service.notifier.template),
        ] : (
        one(one(template.volumes).empty_dir).medium == "MEMORY" &&
        can(regex("^[0-9]+Mi$", one(one(template.volumes).empty_dir).size_limit)) &&
        one(one(template.containers).volume_mounts).name == one(template.volumes).name &&
        one(one(template.containers).volume_mounts).mount_path == one([for env in one(template.containers).env : env.value if env.name == "TMPDIR"])
      )
    ])
    error_message = "Temporary files are not in memory of a limited size."
  }

  assert {
    condition = alltrue([
      for service in [google_cloud_run_v2_service.ingest, google_cloud_run_v2_service.generator, google_cloud_run_v2_service.notifier] :
      one(service.traffic).type == "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" && one(service.traffic).percent == 100
    ])
    error_message = "What is deployed does not get the traffic."
  }
}

run "settings" {
  assert {
    condition = alltrue([
      for name in ["generator", "notifier"] :
      local.env[name]["PUSH_AUTH"] == "platform" &&
      local.env[name]["PUSH_ACCOUNTS"] == "${google_service_account.all["eventarc"].email},${google_service_account.all["scheduler"].email}"
    ])
    error_message = "Pushes and sweeps are checked, and come from two accounts."
  }

  assert {
    condition     = local.env.ingest["API_AUTH"] == "on"
    error_message = "The API is open to everybody."
  }

  assert {
    condition     = local.env.ingest["PUBLIC_URL"] == "https://motif-ingest-123456789012.us-central1.run.app" && local.env.notifier["PUBLIC_URL"] == local.env.ingest["PUBLIC_URL"]
    error_message = "Links lead elsewhere."
  }

  assert {
    condition     = local.env.ingest["WEBHOOK_REFUSED_HOSTS"] == "*motif-ingest-*.run.app,*motif-generator-*.run.app,*motif-notifier-*.run.app" && local.env.notifier["WEBHOOK_REFUSED_HOSTS"] == local.env.ingest["WEBHOOK_REFUSED_HOSTS"]
    error_message = "Webhooks may be sent to ourselves."
  }

  assert {
    condition = alltrue([
      for name in ["ingest", "generator", "notifier"] :
      length(setintersection(keys(local.env[name]), keys(local.left_at_default[name]))) == 0 &&
      length(setintersection(keys(local.env[name]), keys(local.secret_env[name]))) == 0 &&
      length(setintersection(keys(local.secret_env[name]), keys(local.left_at_default[name]))) == 0
    ])
    error_message = "A setting is in two of the three maps."
  }

  assert {
    condition = { for env in one(one(google_cloud_run_v2_service.ingest.template).containers).env : env.name => env.value if length(env.value_source) == 0 } == merge(
      local.env.ingest, local.process_env.ingest
    )
    error_message = "Ingest gets other settings than the map says."
  }

  assert {
    condition = { for env in one(one(google_cloud_run_v2_service.generator.template).containers).env : env.name => env.value if length(env.value_source) == 0 } == merge(
      local.env.generator, local.process_env.generator
    )
    error_message = "The generator gets other settings than the map says."
  }

  assert {
    condition = { for env in one(one(google_cloud_run_v2_service.notifier.template).containers).env : env.name => env.value if length(env.value_source) == 0 } == merge(
      local.env.notifier, local.process_env.notifier
    )
    error_message = "The notifier gets other settings than the map says."
  }

  assert {
    condition = {
      for env in one(one(google_cloud_run_v2_service.ingest.template).containers).env :
      env.name => "${one(one(env.value_source).secret_key_ref).secret} ${one(one(env.value_source).secret_key_ref).version}" if length(env.value_source) > 0
      } == {
      SESSION_KEYS      = "motif-session-keys latest"
      WEBHOOK_MAIN_KEYS = "motif-webhook-main-keys latest"
    }
    error_message = "Ingest's secrets do not come from Secret Manager."
  }

  assert {
    condition = {
      for env in one(one(google_cloud_run_v2_service.notifier.template).containers).env :
      env.name => "${one(one(env.value_source).secret_key_ref).secret} ${one(one(env.value_source).secret_key_ref).version}" if length(env.value_source) > 0
    } == { WEBHOOK_MAIN_KEYS = "motif-webhook-main-keys latest" }
    error_message = "The notifier's secrets do not come from Secret Manager."
  }
}

run "what_was_asked_for" {
  variables {
    region                 = "europe-west4"
    domain                 = "motif.example.com"
    audio_delivery         = "cdn"
    lyria_quota_per_minute = 60
    work_slots             = 6
    instances              = { ingest = { min = 1, max = 20 } }
    secret_versions        = { motif-session-keys = "3" }
    settings               = { generator = { LOG_LEVEL = "DEBUG" } }
  }

  assert {
    condition     = local.env.ingest["PUBLIC_URL"] == "https://motif.example.com" && endswith(local.env.notifier["WEBHOOK_REFUSED_HOSTS"], ",motif.example.com,*.motif.example.com")
    error_message = "The domain is not where the API is, or webhooks may go there."
  }

  assert {
    condition     = local.env.ingest["AUDIO_DELIVERY"] == "cdn" && local.secret_env.ingest["CDN_KEYS"] == "motif-cdn-keys"
    error_message = "Audio does not come from Cloud CDN, or its links are not signed."
  }

  assert {
    condition     = local.env.ingest["LYRIA_QUOTA_PER_MINUTE"] == "60" && local.env.generator["LYRIA_QUOTA_PER_MINUTE"] == "60"
    error_message = "Ingest and generator reckon with different quotas."
  }

  assert {
    condition     = one(google_cloud_run_v2_service.generator.template).max_instance_request_concurrency == 10
    error_message = "Concurrency does not follow the slots."
  }

  assert {
    condition     = one(one(google_cloud_run_v2_service.ingest.template).scaling).min_instance_count == 1 && one(one(google_cloud_run_v2_service.notifier.template).scaling).max_instance_count == 5
    error_message = "Numbers of instances are not those asked for."
  }

  assert {
    condition = anytrue([
      for env in one(one(google_cloud_run_v2_service.ingest.template).containers).env :
      env.name == "SESSION_KEYS" && try(one(one(env.value_source).secret_key_ref).version == "3", false)
    ])
    error_message = "A named version of a secret is not the one that is read."
  }

  assert {
    condition     = contains([for env in one(one(google_cloud_run_v2_service.generator.template).containers).env : "${env.name}=${env.value}"], "LOG_LEVEL=DEBUG")
    error_message = "A setting that may be given does not arrive."
  }

  assert {
    condition = alltrue(concat(
      [for service in [google_cloud_run_v2_service.ingest, google_cloud_run_v2_service.generator, google_cloud_run_v2_service.notifier] : service.location == "europe-west4"],
      [for bucket in [google_storage_bucket.prompts, google_storage_bucket.output] : bucket.location == "europe-west4"],
      [for trigger in google_eventarc_trigger.all : trigger.location == "europe-west4" && one(one(trigger.destination).cloud_run_service).region == "europe-west4"],
      [for job in google_cloud_scheduler_job.sweep : job.region == "europe-west4"],
      [for topic in merge(google_pubsub_topic.all, { for name, dead in google_pubsub_topic.dead : "${name}-dead" => dead }) : one(topic.message_storage_policy).allowed_persistence_regions == tolist(["europe-west4"])],
      [google_firestore_database.motif.location_id == "europe-west4", google_artifact_registry_repository.images.location == "europe-west4"],
      [for env in local.env : env["GCP_REGION"] == "europe-west4"],
    ))
    error_message = "Something is in another region than the rest."
  }
}

run "an_image_by_tag" {
  command = plan
  variables {
    images = { ingest = "motif/ingest:latest", generator = "motif/generator:latest", notifier = "motif/notifier:latest" }
  }
  expect_failures = [var.images]
}

run "no_setting_overrides_a_guard" {
  command = plan
  variables {
    settings = { generator = { PUSH_AUTH = "verify" } }
  }
  expect_failures = [var.settings]
}

run "nobody_sets_what_cloud_run_sets" {
  command = plan
  variables {
    settings = { ingest = { K_SERVICE = "" } }
  }
  expect_failures = [var.settings]
}

run "an_unknown_secret" {
  command = plan
  variables {
    secret_versions = { motif-session-key = "2" }
  }
  expect_failures = [var.secret_versions]
}

run "no_secret_comes_through_the_state" {
  command = plan
  variables {
    settings = { notifier = { WEBHOOK_SECRET = "whsec_a" } }
  }
  expect_failures = [var.settings]
}
