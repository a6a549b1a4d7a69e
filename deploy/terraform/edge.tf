# The load balancer: only with a domain. The API at the domain, files at media.DOMAIN, through Cloud CDN.
#
# The keys that links are signed under are no resources: their values would be in the state.
# `make deploy` puts those of motif-cdn-keys on the backend bucket (docs/deploy.md).

variable "audio_delivery" {
  description = "Where links to files lead: `v4`, to Cloud Storage, or `cdn`, to media.DOMAIN. `cdn` only after a deployment with the domain, when its certificate is active."
  type        = string
  default     = "v4"
  nullable    = false

  validation {
    condition     = contains(["v4", "cdn"], var.audio_delivery)
    error_message = "Links lead to `v4` or to `cdn`."
  }
  validation {
    condition     = var.audio_delivery == "v4" || var.domain != ""
    error_message = "Without a domain there is no Cloud CDN that links could lead to."
  }
}

locals {
  edge       = var.domain == "" ? 0 : 1
  media_host = "media.${var.domain}"

  # Of a bucket no header can be forgotten by a service: these come with every answer.
  media_headers = [
    "Referrer-Policy: no-referrer",
    "Strict-Transport-Security: max-age=31536000",
    "X-Content-Type-Options: nosniff",
  ]
}

resource "google_compute_global_address" "edge" {
  count = local.edge

  project = var.project
  name    = "motif"

  depends_on = [google_project_service.all]
}

resource "google_compute_managed_ssl_certificate" "edge" {
  count = local.edge

  project = var.project
  # A certificate cannot be changed: another domain is another certificate, made before the old one goes.
  name = "motif-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain, local.media_host]
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.all]
}

resource "google_compute_ssl_policy" "edge" {
  count = local.edge

  project         = var.project
  name            = "motif"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"

  depends_on = [google_project_service.all]
}

resource "google_compute_region_network_endpoint_group" "ingest" {
  count = local.edge

  project               = var.project
  name                  = "motif-ingest"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.ingest.name
  }

  depends_on = [google_project_service.all]
}

# No timeout: Cloud Run's own, an hour for streams, holds behind a serverless endpoint.
resource "google_compute_backend_service" "ingest" {
  count = local.edge

  project               = var.project
  name                  = "motif-ingest"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  enable_cdn            = false

  backend {
    group = google_compute_region_network_endpoint_group.ingest[0].id
  }

  # Cloud Run logs each request already.
  log_config {
    enable = false
  }
}

resource "google_compute_backend_bucket" "output" {
  count = local.edge

  project     = var.project
  name        = "motif-output"
  bucket_name = google_storage_bucket.output.name
  enable_cdn  = true

  # Audio is compressed already, and Range would not be the file's.
  compression_mode        = "DISABLED"
  custom_response_headers = local.media_headers

  cdn_policy {
    # Never FORCE_CACHE_ALL, which would hold answers to unsigned requests too.
    cache_mode = "USE_ORIGIN_HEADERS"

    # Signed answers, whatever their own Cache-Control says; then Cloud Storage is asked whether it
    # still has them. What is erased stays in caches for as long, but its last link dies in 15 minutes.
    signed_url_cache_max_age_sec = 3600

    # A link to what is erased must not seem to come back, nor a new file to be missing.
    negative_caching   = false
    serve_while_stale  = 0
    request_coalescing = true

    cache_key_policy {
      query_string_whitelist = ["generation"]
    }
  }

  depends_on = [google_project_service.all]
}

# What fills the caches with what signed requests ask for. Google makes this agent with the first
# key of a backend bucket: before, it could not be named here. The other agent, https-lb, must never
# read this bucket: it answers requests that nobody has signed.
resource "google_storage_bucket_iam_member" "cdn_fill" {
  count = var.audio_delivery == "cdn" ? 1 : 0

  bucket = google_storage_bucket.output.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:service-${data.google_project.this.number}@cloud-cdn-fill.iam.gserviceaccount.com"

  condition {
    title = "only what links lead to"
    expression = join(" || ", [
      for prefix in local.linked :
      "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.output.name}/objects/${prefix}\")"
    ])
  }

  depends_on = [google_compute_backend_bucket.output]
}

resource "google_compute_url_map" "edge" {
  count = local.edge

  project         = var.project
  name            = "motif"
  default_service = google_compute_backend_service.ingest[0].id

  host_rule {
    hosts        = [local.media_host]
    path_matcher = "media"
  }
  path_matcher {
    name            = "media"
    default_service = google_compute_backend_bucket.output[0].id
  }
}

resource "google_compute_target_https_proxy" "edge" {
  count = local.edge

  project          = var.project
  name             = "motif"
  url_map          = google_compute_url_map.edge[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.edge[0].id]
  ssl_policy       = google_compute_ssl_policy.edge[0].id
  tls_early_data   = "DISABLED" # what comes early can be replayed
}

resource "google_compute_global_forwarding_rule" "https" {
  count = local.edge

  project               = var.project
  name                  = "motif-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.edge[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.edge[0].id
}

# Port 80 only says where to go; the certificate is also proved through it.
resource "google_compute_url_map" "redirect" {
  count = local.edge

  project = var.project
  name    = "motif-redirect"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT"
    strip_query            = false
  }

  depends_on = [google_project_service.all]
}

resource "google_compute_target_http_proxy" "redirect" {
  count = local.edge

  project = var.project
  name    = "motif-redirect"
  url_map = google_compute_url_map.redirect[0].id
}

resource "google_compute_global_forwarding_rule" "http" {
  count = local.edge

  project               = var.project
  name                  = "motif-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.edge[0].id
  port_range            = "80"
  target                = google_compute_target_http_proxy.redirect[0].id
}

output "edge" {
  description = "With a domain: the address that DOMAIN and media.DOMAIN must resolve to, and the backend bucket of Cloud CDN."
  value = var.domain == "" ? null : {
    address        = google_compute_global_address.edge[0].address
    hosts          = [var.domain, local.media_host]
    backend_bucket = google_compute_backend_bucket.output[0].name
  }
}
