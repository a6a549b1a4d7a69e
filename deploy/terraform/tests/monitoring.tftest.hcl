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

run "metrics" {
  assert {
    condition = alltrue([
      for name, metric in google_logging_metric.all : (
        metric.name == "motif/${name}" &&
        startswith(metric.filter, "resource.type=\"cloud_run_revision\" AND ") &&
        one(metric.metric_descriptor).metric_kind == "DELTA" &&
        join(" ", [for label in one(metric.metric_descriptor).labels : label.key]) == join(" ", keys(metric.label_extractors)) &&
        (one(metric.metric_descriptor).value_type == "DISTRIBUTION") == can(regex("^EXTRACT", metric.value_extractor)) &&
        (one(metric.metric_descriptor).value_type == "DISTRIBUTION") == (length(metric.bucket_options) == 1)
      )
    ]) && length(google_logging_metric.all) == length(local.metrics)
    error_message = "A metric counts other lines, or is not what its value is."
  }

  assert {
    condition = (
      endswith(google_logging_metric.all["tracks_ended"].filter, " AND jsonPayload.message=\"track ended\"") &&
      google_logging_metric.all["tracks_ended"].label_extractors == tomap({ code = "EXTRACT(jsonPayload.code)", status = "EXTRACT(jsonPayload.status)" }) &&
      google_logging_metric.all["track_seconds"].value_extractor == "EXTRACT(jsonPayload.seconds)" &&
      endswith(google_logging_metric.all["webhook_first_attempts"].filter, " AND jsonPayload.message=\"webhook attempted\" AND jsonPayload.attempt=1")
    )
    error_message = "A metric does not read the fields of its line."
  }
}

run "alerts" {
  assert {
    condition = alltrue([
      for name, alert in google_monitoring_alert_policy.all : (
        alert.enabled &&
        alert.combiner == "OR" &&
        length(alert.conditions) > 0 &&
        startswith(alert.display_name, "Motif: ") &&
        endswith(one(alert.documentation).content, "docs/runbook.md#${name}") &&
        length(alert.notification_channels) == 0
      )
    ])
    error_message = "An alert has no condition, or does not say what to do."
  }

  assert {
    condition = alltrue(flatten([
      for alert in google_monitoring_alert_policy.all : [
        for condition in alert.conditions :
        alltrue([for query in condition.condition_prometheus_query_language : query.disable_metric_validation && query.evaluation_interval == "60s" && !strcontains(query.query, "$${")])
      ]
    ]))
    error_message = "An alert would be refused while nothing has been logged yet, or holds a figure that was not filled in."
  }

  assert {
    condition = (
      endswith(google_monitoring_alert_policy.all["spend"].conditions[1].condition_prometheus_query_language[0].query, " > 10") &&
      endswith(google_monitoring_alert_policy.all["spend"].conditions[0].condition_prometheus_query_language[0].query, " > 100")
    )
    error_message = "Spend is not what is set as usual."
  }

  assert {
    condition = alltrue([
      for condition in google_monitoring_alert_policy.all["error-budget"].conditions : (
        startswith(condition.condition_threshold[0].filter, "select_slo_burn_rate(") && condition.condition_threshold[0].threshold_value == 2
      )
    ]) && length(google_monitoring_alert_policy.all["error-budget"].conditions) == length(google_monitoring_slo.all)
    error_message = "An objective may be missed unseen."
  }
}

run "objectives" {
  assert {
    condition = { for name, slo in google_monitoring_slo.all : name => slo.goal } == {
      api-available    = 0.999
      tracks-completed = 0.99
      tracks-in-time   = 0.9
      webhooks-at-once = 0.95
    }
    error_message = "There are other objectives than docs/operations.md names."
  }

  # Cloud Monitoring takes exactly two of the three.
  assert {
    condition = alltrue([
      for slo in google_monitoring_slo.all : (
        slo.service == google_monitoring_custom_service.motif.service_id &&
        slo.rolling_period_days == 28 &&
        alltrue([
          for ratio in one(slo.request_based_sli).good_total_ratio :
          length(compact([ratio.good_service_filter, ratio.bad_service_filter, ratio.total_service_filter])) == 2
        ])
      )
    ])
    error_message = "An objective is not measured by two of good, bad and total over 28 days."
  }
}

run "dashboard" {
  assert {
    condition = (
      jsondecode(google_monitoring_dashboard.motif.dashboard_json).displayName == "Motif" &&
      !strcontains(google_monitoring_dashboard.motif.dashboard_json, "$${")
    )
    error_message = "The dashboard has another name than the commands know, or a figure was not filled in."
  }
}

run "told_by_mail" {
  variables {
    alert_email              = "operators@example.com"
    lyria_quota_per_minute   = 60
    spend_alert_usd_per_hour = 50
  }

  assert {
    condition = (
      one(google_monitoring_notification_channel.email).type == "email" &&
      one(google_monitoring_notification_channel.email).labels.email_address == "operators@example.com" &&
      alltrue([for alert in google_monitoring_alert_policy.all : alert.notification_channels == tolist([google_monitoring_notification_channel.email[0].id])])
    )
    error_message = "An alert tells nobody."
  }

  assert {
    condition = (
      endswith(google_monitoring_alert_policy.all["spend"].conditions[1].condition_prometheus_query_language[0].query, " > 50") &&
      strcontains(google_monitoring_dashboard.motif.dashboard_json, "\"value\": 60")
    )
    error_message = "Figures that were given do not arrive."
  }
}
