# The load balancer and Cloud CDN: only with a domain, and never open to what nobody has signed.

mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }
}

variables {
  project = "my-project"
  images = {
    ingest    = "us-central1-docker.pkg.dev/my-project/motif/ingest@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    generator = "us-central1-docker.pkg.dev/my-project/motif/generator@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    notifier  = "us-central1-docker.pkg.dev/my-project/motif/notifier@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }
}

run "without_a_domain_there_is_none_of_it" {
  command = plan

  assert {
    condition = 0 == sum([
      length(google_compute_global_address.edge),
      length(google_compute_managed_ssl_certificate.edge),
      length(google_compute_ssl_policy.edge),
      length(google_compute_region_network_endpoint_group.ingest),
      length(google_compute_backend_service.ingest),
      length(google_compute_backend_bucket.output),
      length(google_storage_bucket_iam_member.cdn_fill),
      length(google_compute_url_map.edge),
      length(google_compute_url_map.redirect),
      length(google_compute_target_https_proxy.edge),
      length(google_compute_target_http_proxy.redirect),
      length(google_compute_global_forwarding_rule.https),
      length(google_compute_global_forwarding_rule.http),
    ])
    error_message = "Each of these costs money while it is idle."
  }
  assert {
    condition     = output.edge == null
    error_message = "There is no address to tell of."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.ingest.template[0].containers[0].env : env.value if env.name == "AUDIO_DELIVERY"]) == "v4"
    error_message = "Without Cloud CDN links lead to Cloud Storage."
  }
  assert {
    condition     = local.env.ingest["TRUSTED_PROXIES"] == ""
    error_message = "Nobody stands before Cloud Run whose word on callers would be good."
  }
}

run "a_domain_brings_the_edge_but_no_link_leads_there_yet" {
  command = plan

  variables {
    domain = "motif.example.com"
  }

  assert {
    condition     = google_compute_managed_ssl_certificate.edge[0].managed[0].domains == tolist(["motif.example.com", "media.motif.example.com"])
    error_message = "The certificate is for both hosts."
  }
  assert {
    condition     = google_compute_ssl_policy.edge[0].min_tls_version == "TLS_1_2" && google_compute_ssl_policy.edge[0].profile == "MODERN"
    error_message = "Older TLS is refused."
  }
  assert {
    condition     = google_compute_target_https_proxy.edge[0].tls_early_data == "DISABLED"
    error_message = "Early data can be replayed: a submit without an Idempotency-Key would be made twice."
  }
  assert {
    condition     = google_compute_region_network_endpoint_group.ingest[0].cloud_run[0].service == "motif-ingest"
    error_message = "The domain itself is the API."
  }
  assert {
    condition = (
      toset(one(google_compute_url_map.edge[0].host_rule).hosts) == toset(["media.motif.example.com"])
      && one(google_compute_url_map.edge[0].host_rule).path_matcher == one(google_compute_url_map.edge[0].path_matcher).name
    )
    error_message = "Only media.DOMAIN leads to the bucket."
  }
  assert {
    condition = (
      google_compute_global_forwarding_rule.http[0].port_range == "80"
      && google_compute_global_forwarding_rule.https[0].port_range == "443"
      && google_compute_url_map.redirect[0].default_url_redirect[0].https_redirect
    )
    error_message = "Port 80 is open, for the certificate's proof, and only says where to go."
  }
  assert {
    condition = (
      google_compute_backend_bucket.output[0].bucket_name == "my-project-motif-output"
      && google_compute_backend_bucket.output[0].enable_cdn
      && google_compute_backend_bucket.output[0].compression_mode == "DISABLED"
      && contains(google_compute_backend_bucket.output[0].custom_response_headers, "X-Content-Type-Options: nosniff")
    )
    error_message = "Files come through Cloud CDN as they are, and as what they are."
  }
  assert {
    condition = (
      google_compute_backend_bucket.output[0].cdn_policy[0].cache_mode == "USE_ORIGIN_HEADERS"
      && google_compute_backend_bucket.output[0].cdn_policy[0].signed_url_cache_max_age_sec == 3600
      && !google_compute_backend_bucket.output[0].cdn_policy[0].negative_caching
      && google_compute_backend_bucket.output[0].cdn_policy[0].serve_while_stale == 0
    )
    error_message = "Caches hold what was signed, for an hour, and nothing that has gone."
  }
  assert {
    condition     = google_compute_backend_bucket.output[0].cdn_policy[0].cache_key_policy[0].query_string_whitelist == tolist(["generation"])
    error_message = "Two generations of one file are two entries."
  }
  assert {
    condition     = length(google_storage_bucket_iam_member.cdn_fill) == 0
    error_message = "Google's agent is there only when the backend bucket has a key: naming it before fails."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.ingest.template[0].containers[0].env : env.value if env.name == "AUDIO_DELIVERY"]) == "v4"
    error_message = "No link leads to a host that may have no certificate yet."
  }
}

run "one_setting_switches_links_to_the_cdn" {
  command = plan

  variables {
    domain         = "motif.example.com"
    audio_delivery = "cdn"
  }

  assert {
    condition = { for env in google_cloud_run_v2_service.ingest.template[0].containers[0].env : env.name => env.value if contains(["AUDIO_DELIVERY", "CDN_URL"], env.name) } == {
      AUDIO_DELIVERY = "cdn"
      CDN_URL        = "https://media.motif.example.com"
    }
    error_message = "Ingest makes links to media.DOMAIN."
  }
  assert {
    condition     = length([for env in google_cloud_run_v2_service.ingest.template[0].containers[0].env : env if env.name == "CDN_KEYS"]) == 1
    error_message = "It needs the keys to sign them."
  }
  assert {
    condition = (
      google_storage_bucket_iam_member.cdn_fill[0].role == "roles/storage.objectViewer"
      && google_storage_bucket_iam_member.cdn_fill[0].bucket == "my-project-motif-output"
      && google_storage_bucket_iam_member.cdn_fill[0].member == "serviceAccount:service-123456789012@cloud-cdn-fill.iam.gserviceaccount.com"
    )
    error_message = "What fills caches for signed requests may read, and nobody else of Google's: https-lb answers unsigned ones."
  }
  assert {
    condition     = length(regexall("objects/(audio|metadata|waveforms|spectrograms)/", google_storage_bucket_iam_member.cdn_fill[0].condition[0].expression)) == 4 && !strcontains(google_storage_bucket_iam_member.cdn_fill[0].condition[0].expression, "clips/")
    error_message = "Raw clips and errors are nobody's business."
  }
}

run "links_cannot_lead_to_a_cdn_that_is_not_there" {
  command = plan

  variables {
    audio_delivery = "cdn"
  }

  expect_failures = [var.audio_delivery]
}
