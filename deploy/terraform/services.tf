locals {
  # Services that only our own accounts may call, by POST.
  private = {
    generator = google_cloud_run_v2_service.generator
    notifier  = google_cloud_run_v2_service.notifier
  }
}

# Public: callers bring API keys, which Cloud Run knows nothing of, so its invoker check is off.
resource "google_cloud_run_v2_service" "ingest" {
  project              = var.project
  name                 = "motif-ingest"
  location             = var.region
  description          = "Motif: the public API and the Studio"
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = true
  deletion_protection  = var.deletion_protection

  template {
    service_account       = google_service_account.all["ingest"].email
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    timeout               = "3600s" # streams; all other calls end by themselves, soon

    # One thread for each: what came beyond would wait in line behind streams.
    max_instance_request_concurrency = 256

    scaling {
      min_instance_count = var.instances.ingest.min
      max_instance_count = var.instances.ingest.max
    }

    containers {
      image = var.images.ingest

      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(local.env.ingest, local.process_env.ingest, lookup(var.settings, "ingest", {}))
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "env" {
        for_each = local.secret_env.ingest
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.all[env.value].secret_id
              version = lookup(var.secret_versions, env.value, "latest")
            }
          }
        }
      }

      startup_probe {
        initial_delay_seconds = 0
        period_seconds        = 2
        timeout_seconds       = 2
        failure_threshold     = 30
        http_get {
          path = "/startup"
          port = 8080
        }
      }
      liveness_probe {
        initial_delay_seconds = 30
        period_seconds        = 30
        timeout_seconds       = 10
        failure_threshold     = 3
        http_get {
          path = "/live"
          port = 8080
        }
      }
      ports {
        container_port = 8080
      }

      volume_mounts {
        name       = "tmp"
        mount_path = local.tmp
      }
    }

    # Bodies of requests, while they are read; a full volume fails one call, not the instance.
    volumes {
      name = "tmp"
      empty_dir {
        medium     = "MEMORY"
        size_limit = "256Mi"
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  # Without these an instance does not start, or not with what it needs.
  depends_on = [
    google_project_service.all,
    google_secret_manager_secret_iam_member.all,
    google_project_iam_member.database,
  ]

  lifecycle {
    ignore_changes = [client, client_version] # what deployed last
  }
}

# Private: Eventarc's and Scheduler's calls of a run.app URL in the same project count as internal.
resource "google_cloud_run_v2_service" "generator" {
  project              = var.project
  name                 = "motif-generator"
  location             = var.region
  description          = "Motif: makes tracks"
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = false
  deletion_protection  = var.deletion_protection

  template {
    service_account       = google_service_account.all["generator"].email
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    timeout               = "540s" # handler budget 480 s < this < ack deadline 600 s

    # Tracks beyond the slots are parked; those few more make Cloud Run start another instance.
    max_instance_request_concurrency = var.work_slots + 4

    scaling {
      min_instance_count = var.instances.generator.min
      max_instance_count = var.instances.generator.max
    }

    containers {
      image = var.images.generator

      resources {
        limits            = { cpu = "1", memory = "2Gi" }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(local.env.generator, local.process_env.generator, lookup(var.settings, "generator", {}))
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        initial_delay_seconds = 0
        period_seconds        = 2
        timeout_seconds       = 2
        failure_threshold     = 30
        http_get {
          path = "/startup"
          port = 8080
        }
      }
      liveness_probe {
        initial_delay_seconds = 30
        period_seconds        = 30
        timeout_seconds       = 10
        failure_threshold     = 3
        http_get {
          path = "/live"
          port = 8080
        }
      }
      ports {
        container_port = 8080
      }

      volume_mounts {
        name       = "tmp"
        mount_path = local.tmp
      }
    }

    # Tracks are finished in memory of their own; these are only what encoders leave on the way.
    volumes {
      name = "tmp"
      empty_dir {
        medium     = "MEMORY"
        size_limit = "256Mi"
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  # Without these an instance does not start, or not with what it needs.
  depends_on = [
    google_project_service.all,
    google_project_iam_member.all,
    google_project_iam_member.database,
    google_storage_bucket_iam_member.all,
    google_pubsub_topic_iam_member.all,
  ]

  lifecycle {
    ignore_changes = [client, client_version] # what deployed last
  }
}

# Private, as the generator. No VPC: through one, a webhook would count as internal (docs/security.md).
resource "google_cloud_run_v2_service" "notifier" {
  project              = var.project
  name                 = "motif-notifier"
  location             = var.region
  description          = "Motif: sends webhooks"
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = false
  deletion_protection  = var.deletion_protection

  template {
    service_account       = google_service_account.all["notifier"].email
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    timeout               = "540s" # handler budget 480 s < this < ack deadline 600 s

    # Of 64 threads four are left for probes.
    max_instance_request_concurrency = 60

    scaling {
      min_instance_count = var.instances.notifier.min
      max_instance_count = var.instances.notifier.max
    }

    containers {
      image = var.images.notifier

      resources {
        limits            = { cpu = "1", memory = "512Mi" }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(local.env.notifier, local.process_env.notifier, lookup(var.settings, "notifier", {}))
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "env" {
        for_each = local.secret_env.notifier
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.all[env.value].secret_id
              version = lookup(var.secret_versions, env.value, "latest")
            }
          }
        }
      }

      startup_probe {
        initial_delay_seconds = 0
        period_seconds        = 2
        timeout_seconds       = 2
        failure_threshold     = 30
        http_get {
          path = "/startup"
          port = 8080
        }
      }
      liveness_probe {
        initial_delay_seconds = 30
        period_seconds        = 30
        timeout_seconds       = 10
        failure_threshold     = 3
        http_get {
          path = "/live"
          port = 8080
        }
      }
      ports {
        container_port = 8080
      }

      volume_mounts {
        name       = "tmp"
        mount_path = local.tmp
      }
    }

    volumes {
      name = "tmp"
      empty_dir {
        medium     = "MEMORY"
        size_limit = "64Mi"
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  # Without these an instance does not start, or not with what it needs.
  depends_on = [
    google_project_service.all,
    google_secret_manager_secret_iam_member.all,
    google_project_iam_member.database,
  ]

  lifecycle {
    ignore_changes = [client, client_version] # what deployed last
  }
}
