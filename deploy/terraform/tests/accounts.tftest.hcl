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

run "accounts" {
  assert {
    condition = { for name, account in google_service_account.all : name => account.account_id } == {
      for name in ["ingest", "generator", "notifier", "eventarc", "scheduler", "signer", "build"] : name => "motif-${name}"
    }
    error_message = "There are other accounts than the commands know."
  }

  # Every line of the list is one binding, and there is no other.
  assert {
    condition = length(local.grants) == length(concat(
      keys(google_project_iam_member.all),
      keys(google_project_iam_member.database),
      keys(google_storage_bucket_iam_member.all),
      keys(google_pubsub_topic_iam_member.all),
      keys(google_secret_manager_secret_iam_member.all),
      keys(google_artifact_registry_repository_iam_member.all),
      keys(google_service_account_iam_member.all),
      keys(google_cloud_run_v2_service_iam_member.all),
    ))
    error_message = "A line of the list is no binding."
  }

  assert {
    condition = alltrue([
      for binding in concat(
        values(google_project_iam_member.all),
        values(google_project_iam_member.database),
        values(google_storage_bucket_iam_member.all),
        values(google_pubsub_topic_iam_member.all),
        values(google_secret_manager_secret_iam_member.all),
        values(google_artifact_registry_repository_iam_member.all),
        values(google_service_account_iam_member.all),
        values(google_cloud_run_v2_service_iam_member.all),
        ) : (
        startswith(binding.member, "serviceAccount:") &&
        !contains(["roles/owner", "roles/editor", "roles/viewer"], binding.role)
      )
    ])
    error_message = "Somebody else than our accounts, or with a basic role, gets in."
  }

  assert {
    condition     = toset([for binding in google_project_iam_member.all : binding.role]) == toset(["roles/aiplatform.user", "roles/telemetry.tracesWriter", "roles/telemetry.metricsWriter", "roles/logging.logWriter", "roles/logging.viewer"])
    error_message = "A role holds for the whole project that could be narrower."
  }

  assert {
    condition = alltrue([
      for binding in google_project_iam_member.database :
      one(binding.condition).expression == "resource.name == \"projects/motif-test/databases/(default)\""
    ])
    error_message = "A role on Firestore holds for other databases, too."
  }

  assert {
    condition = {
      for key, binding in google_cloud_run_v2_service_iam_member.all : key => "${binding.name} ${binding.role} ${binding.member}"
      if binding.role != "roles/run.developer"
      } == {
      for pair in setproduct(["eventarc", "scheduler"], ["generator", "notifier"]) :
      "${pair[0]} roles/run.invoker service ${pair[1]}" => "motif-${pair[1]} roles/run.invoker serviceAccount:${google_service_account.all[pair[0]].email}"
    }
    error_message = "Others than Eventarc's and Scheduler's accounts may call generator or notifier."
  }

  assert {
    condition = (
      google_storage_bucket_iam_member.all["signer roles/storage.objectViewer bucket output"].bucket == google_storage_bucket.output.name &&
      one(google_storage_bucket_iam_member.all["signer roles/storage.objectViewer bucket output"].condition).expression == join(" || ", [
        for prefix in ["audio/", "metadata/", "waveforms/", "spectrograms/"] :
        "resource.name.startsWith(\"projects/_/buckets/motif-test-motif-output/objects/${prefix}\")"
      ])
    )
    error_message = "Links can be signed for more than what they lead to."
  }

  assert {
    condition = toset([for key, binding in google_storage_bucket_iam_member.all : key if length(binding.condition) == 0]) == toset([
      "generator roles/storage.objectUser bucket prompts", "generator roles/storage.objectUser bucket output",
      "build roles/storage.objectViewer bucket build",
    ])
    error_message = "Another than the generator writes, or reads everything, in a bucket."
  }

  assert {
    condition = (
      google_service_account_iam_member.all["ingest roles/iam.serviceAccountTokenCreator account signer"].service_account_id == google_service_account.all["signer"].name &&
      toset([for key in keys(google_service_account_iam_member.all) : key if !startswith(key, "build ")]) == toset([
        "ingest roles/iam.serviceAccountTokenCreator account signer",
      ])
    )
    error_message = "Somebody may act as an account that is not the signer."
  }

  # A new project's default account for builds is one that an empty project does not have.
  assert {
    condition = toset([for key in keys(local.granted) : trimprefix(key, "build ") if startswith(key, "build ")]) == toset(concat(
      ["roles/storage.objectViewer bucket build", "roles/artifactregistry.writer registry images"],
      ["roles/logging.logWriter project", "roles/logging.viewer project"],
      [for service in ["ingest", "generator", "notifier"] : "roles/run.developer service ${service}"],
      [for service in ["ingest", "generator", "notifier"] : "roles/iam.serviceAccountUser account ${service}"],
    ))
    error_message = "Builds cannot be made or rolled out, or may do more."
  }

  assert {
    condition = (
      google_storage_bucket_iam_member.all["build roles/storage.objectViewer bucket build"].bucket == google_storage_bucket.build.name &&
      one(values(google_artifact_registry_repository_iam_member.all)).repository == "motif" &&
      toset([for binding in google_cloud_run_v2_service_iam_member.all : binding.name if binding.role == "roles/run.developer"]) == toset(["motif-ingest", "motif-generator", "motif-notifier"])
    )
    error_message = "The builder's roles hold for something else."
  }

  # Without it dead letters are not forwarded, and are delivered for ever.
  assert {
    condition = alltrue([
      for name in keys(local.topics) : anytrue([
        for binding in google_pubsub_topic_iam_member.all :
        binding.topic == "${name}-dead" && binding.role == "roles/pubsub.publisher" &&
        binding.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
      ])
    ])
    error_message = "Pub/Sub may not publish dead letters."
  }

  assert {
    condition = {
      for key, binding in google_secret_manager_secret_iam_member.all : "${binding.secret_id} ${binding.member}" => binding.role
      } == {
      "motif-webhook-main-keys serviceAccount:${google_service_account.all["ingest"].email}"   = "roles/secretmanager.secretAccessor"
      "motif-webhook-main-keys serviceAccount:${google_service_account.all["notifier"].email}" = "roles/secretmanager.secretAccessor"
      "motif-session-keys serviceAccount:${google_service_account.all["ingest"].email}"        = "roles/secretmanager.secretAccessor"
      "motif-cdn-keys serviceAccount:${google_service_account.all["ingest"].email}"            = "roles/secretmanager.secretAccessor"
    }
    error_message = "A secret is read by another service than those that need it."
  }
}

run "foundation" {
  assert {
    condition = alltrue([
      for api in google_project_service.all : !api.disable_on_destroy && !api.disable_dependent_services && endswith(api.service, ".googleapis.com")
    ])
    error_message = "Destroying Motif would switch off what others in the project use."
  }

  assert {
    condition = alltrue([
      for api in ["aiplatform", "artifactregistry", "cloudscheduler", "eventarc", "firestore", "iamcredentials", "pubsub", "run", "secretmanager", "storage"] :
      contains(keys(google_project_service.all), api)
    ]) && !contains(keys(google_project_service.all), "compute")
    error_message = "An API is missing, or there that nobody calls."
  }

  assert {
    condition = (
      google_artifact_registry_repository.images.repository_id == "motif" &&
      google_artifact_registry_repository.images.format == "DOCKER" &&
      google_artifact_registry_repository.images.cleanup_policy_dry_run == false &&
      toset([for policy in google_artifact_registry_repository.images.cleanup_policies : policy.action]) == toset(["KEEP", "DELETE"])
    )
    error_message = "Images pile up, or are pushed elsewhere."
  }
}
