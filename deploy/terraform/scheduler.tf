# A service is here when it has POST /internal/sweep.

resource "google_cloud_scheduler_job" "sweep" {
  for_each = local.private

  project     = var.project
  region      = var.region
  name        = "motif-sweep-${each.key}"
  description = "Wakes what is due in ${each.key}"
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"
  paused      = false

  # A pass works for a minute at most, and ends what it has begun. The next one waits for it: it is
  # given up early enough that a stuck pass costs two, and passes may overlap.
  attempt_deadline = "180s"

  # The next minute comes anyway.
  retry_config {
    retry_count          = 1
    min_backoff_duration = "10s"
    max_backoff_duration = "10s"
    max_retry_duration   = "0s"
    max_doublings        = 0
  }

  http_target {
    http_method = "POST"
    uri         = "${each.value.uri}/internal/sweep"

    # The run.app URL: for requests to a domain of ours Scheduler is no internal caller.
    oidc_token {
      service_account_email = google_service_account.all["scheduler"].email
      audience              = each.value.uri
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.all]
}
