# What operators see: metrics from logs, a dashboard, alerts, objectives. Names, queries and texts are in
# deploy/monitoring/*.json; docs/runbook.md has an entry for each alert; tests compare all of these.

variable "spend_alert_usd_per_hour" {
  description = "Calls of the model within an hour that are worth a look, in US dollars."
  type        = number
  default     = 10
  nullable    = false
}

variable "spend_alert_usd_per_day" {
  description = "The same within a day."
  type        = number
  default     = 100
  nullable    = false
}

locals {
  monitoring = "${path.module}/../monitoring"
  metrics    = jsondecode(file("${local.monitoring}/metrics.json"))
  ours       = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^motif-(ingest|generator|notifier)$\""

  # The classes of shared/signals.py; and for what is no time.
  bounds = {
    s       = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600]
    "1"     = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 50, 100, 200, 500]
    "{USD}" = [0.06, 0.12, 0.18, 0.24, 0.3, 0.36, 0.48, 0.6, 0.72, 1]
  }

  # shared/models.py has the price.
  figures = {
    call_usd     = 0.06
    quota        = var.lyria_quota_per_minute
    usd_per_day  = var.spend_alert_usd_per_day
    usd_per_hour = var.spend_alert_usd_per_hour
  }
  alerts = jsondecode(templatefile("${local.monitoring}/alerts.json", local.figures))

  api_requests = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\" resource.labels.service_name=\"${google_cloud_run_v2_service.ingest.name}\""
  user_metric  = "resource.type=\"cloud_run_revision\" metric.type=\"logging.googleapis.com/user/motif"

  # What is the customer's (a blocked prompt, a cancel) is neither good nor bad.
  objectives = {
    api-available = {
      goal  = 0.999
      title = "99.9 % of the API's answers are no 5xx"
      total = local.api_requests
      bad   = "${local.api_requests} metric.labels.response_code_class=\"5xx\""
    }
    tracks-completed = {
      goal  = 0.99
      title = "99 % of tracks are completed"
      good  = "${local.user_metric}/tracks_ended\" metric.labels.status=\"completed\""
      bad   = "${local.user_metric}/tracks_ended\" metric.labels.status=monitoring.regex.full_match(\"failed|expired\") NOT metric.labels.code=monitoring.regex.full_match(\"prompt_.*\")"
    }
    tracks-in-time = {
      goal  = 0.9
      title = "90 % of completed tracks take 5 minutes at most, waiting for the quota included"
      cut   = "${local.user_metric}/track_seconds\" metric.labels.status=\"completed\""
      max   = 300
    }
    webhooks-at-once = {
      goal  = 0.95
      title = "95 % of first attempts of webhooks are taken"
      total = "${local.user_metric}/webhook_first_attempts\""
      good  = "${local.user_metric}/webhook_first_attempts\" metric.labels.outcome=\"delivered\""
    }
  }
}

resource "google_logging_metric" "all" {
  for_each = local.metrics

  project     = var.project
  name        = "motif/${each.key}"
  description = "Motif: see docs/operations.md"
  filter = join(" AND ", compact([
    local.ours,
    can(each.value.message) ? "jsonPayload.message=\"${each.value.message}\"" : "",
    try(each.value.only, ""),
  ]))

  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }
  value_extractor  = can(each.value.value) ? "EXTRACT(jsonPayload.${each.value.value})" : null

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit        = try(each.value.unit, "1")

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = can(each.value.value) ? [local.bounds[each.value.unit]] : []
    content {
      explicit_buckets {
        bounds = bucket_options.value
      }
    }
  }

  depends_on = [google_project_service.all]
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == "" ? 0 : 1

  project      = var.project
  display_name = "Motif: operators"
  type         = "email"
  labels       = { email_address = var.alert_email }

  # Alerts lose it first; without this a change of the address would be refused.
  force_delete = true

  depends_on = [google_project_service.all]
}

resource "google_monitoring_alert_policy" "all" {
  for_each = local.alerts

  project      = var.project
  display_name = "Motif: ${each.value.title}"
  severity     = each.value.severity
  combiner     = "OR"
  enabled      = true

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.key
      condition_prometheus_query_language {
        query               = conditions.value
        duration            = each.value.hold
        evaluation_interval = "60s"

        # A metric from logs is there with its first line only.
        disable_metric_validation = true
      }
    }
  }

  dynamic "conditions" {
    for_each = each.value.burn > 0 ? google_monitoring_slo.all : {}
    content {
      display_name = conditions.value.display_name
      condition_threshold {
        filter          = "select_slo_burn_rate(\"${conditions.value.name}\", \"86400s\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.burn
        duration        = "0s"
      }
    }
  }

  documentation {
    subject   = "Motif: ${each.value.title}"
    mime_type = "text/markdown"
    content   = "${each.value.meaning}\n\nLogging, Logs Explorer:\n\n    ${each.value.logs}\n\nWhat to do: docs/runbook.md#${each.key}"
  }

  alert_strategy {
    auto_close = "3600s"
  }

  notification_channels = google_monitoring_notification_channel.email[*].id

  depends_on = [google_logging_metric.all]
}

resource "google_monitoring_custom_service" "motif" {
  project      = var.project
  service_id   = "motif"
  display_name = "Motif"

  depends_on = [google_project_service.all]
}

resource "google_monitoring_slo" "all" {
  for_each = local.objectives

  project             = var.project
  service             = google_monitoring_custom_service.motif.service_id
  slo_id              = each.key
  display_name        = each.value.title
  goal                = each.value.goal
  rolling_period_days = 28

  request_based_sli {
    dynamic "good_total_ratio" {
      for_each = can(each.value.cut) ? [] : [each.value]
      content {
        good_service_filter  = try(good_total_ratio.value.good, null)
        bad_service_filter   = try(good_total_ratio.value.bad, null)
        total_service_filter = try(good_total_ratio.value.total, null)
      }
    }

    dynamic "distribution_cut" {
      for_each = can(each.value.cut) ? [each.value] : []
      content {
        distribution_filter = distribution_cut.value.cut
        range {
          max = distribution_cut.value.max
        }
      }
    }
  }

  depends_on = [google_logging_metric.all]
}

resource "google_monitoring_dashboard" "motif" {
  project        = var.project
  dashboard_json = templatefile("${local.monitoring}/dashboard.json", local.figures)

  depends_on = [google_project_service.all]
}
