# docs/operations.md says what each setting means. Every one that a service reads is in exactly one
# of three maps, and nothing else is: `env`, `secret_env`, `left_at_default`.

locals {
  # A service cannot name its own `uri` in its environment, so here it is reckoned.
  run_url = "https://motif-ingest-${data.google_project.this.number}.${var.region}.run.app"
  api_url = var.domain == "" ? local.run_url : "https://${var.domain}"

  # Our own addresses in both of Cloud Run's forms, with any traffic tag: no webhook goes there.
  own_hosts = join(",", compact([
    "*motif-ingest-*.run.app",
    "*motif-generator-*.run.app",
    "*motif-notifier-*.run.app",
    var.domain,
    var.domain == "" ? "" : "*.${var.domain}",
  ]))

  pushers = join(",", [google_service_account.all["eventarc"].email, google_service_account.all["scheduler"].email])

  common_env = {
    FIRESTORE_DATABASE = google_firestore_database.motif.name
    GCP_PROJECT        = var.project
    GCP_REGION         = var.region
    OTLP_ENDPOINT      = var.otlp_endpoint
  }

  env = {
    ingest = merge(local.common_env, {
      API_AUTH               = "on"
      AUDIO_DELIVERY         = var.audio_delivery
      CDN_URL                = var.domain == "" ? "" : "https://media.${var.domain}"
      CORS_ORIGINS           = var.cors_origins
      EVENTS_TOPIC           = google_pubsub_topic.all["track-events"].name
      INGEST_THREADS         = "256"
      LONG_POLLS             = "32"
      LYRIA_QUOTA_PER_MINUTE = tostring(var.lyria_quota_per_minute)
      OUTPUT_BUCKET          = google_storage_bucket.output.name
      PROGRESS_TOPIC         = google_pubsub_topic.all["track-progress"].name
      PUBLIC_URL             = local.api_url
      REQUESTS_TOPIC         = google_pubsub_topic.all["track-requests"].name
      SIGNING_ACCOUNT        = google_service_account.all["signer"].email
      STREAMS                = "200"
      TRUSTED_PROXIES        = var.domain == "" ? "" : google_compute_global_address.edge[0].address
      WEBHOOK_REFUSED_HOSTS  = local.own_hosts
    })
    generator = merge(local.common_env, {
      EVENTS_TOPIC           = google_pubsub_topic.all["track-events"].name
      INPUT_BUCKET           = google_storage_bucket.prompts.name
      LYRIA_QUOTA_PER_MINUTE = tostring(var.lyria_quota_per_minute)
      OUTPUT_BUCKET          = google_storage_bucket.output.name
      PROGRESS_TOPIC         = google_pubsub_topic.all["track-progress"].name
      PUSH_ACCOUNTS          = local.pushers
      PUSH_AUTH              = "platform"
      REQUESTS_TOPIC         = google_pubsub_topic.all["track-requests"].name
      WORK_SLOTS             = tostring(var.work_slots)
    })
    notifier = merge(local.common_env, {
      PUBLIC_URL            = local.api_url
      PUSH_ACCOUNTS         = local.pushers
      PUSH_AUTH             = "platform"
      WEBHOOK_REFUSED_HOSTS = local.own_hosts
    })
  }

  # What no service reads itself: gunicorn's threads, and where Python leaves temporary files.
  process_env = {
    ingest    = { TMPDIR = local.tmp }
    generator = { TMPDIR = local.tmp, THREADS = "80" }
    notifier  = { TMPDIR = local.tmp, THREADS = "64" }
  }
  tmp = "/tmp"

  # Variable => secret that it comes from.
  secret_env = {
    ingest = merge(
      {
        SESSION_KEYS      = "motif-session-keys"
        WEBHOOK_MAIN_KEYS = "motif-webhook-main-keys"
      },
      var.domain == "" ? {} : { CDN_KEYS = "motif-cdn-keys" },
    )
    generator = {}
    notifier = {
      WEBHOOK_MAIN_KEYS = "motif-webhook-main-keys"
    }
  }

  # Variable => why. The variable `settings` may set them, but for those of `never_given`.
  left_at_default = {
    ingest = merge(local.common_defaults, local.webhook_defaults, local.cdn_defaults, {
      GEMINI_ENDPOINT   = "Google's own."
      GEMINI_LOCATION   = "Where the model is."
      GEMINI_MODEL      = "The cheapest that answers as it should."
      IAM_ENDPOINT      = "Google's own."
      IMAGES_PER_DAY    = "About half a dollar a day for each tenant at most."
      IMAGES_PER_MINUTE = "Some cents an hour for each tenant."
      LEGACY_API_TENANT = "The route without a key stays off."
    })
    generator = merge(local.common_defaults, {
      LYRIA_LOCATION   = "The model is called in our own region."
      LYRIA_MODEL      = "The only one there is."
      MODEL_CALLS      = "Two for each slot that is usual; the quota is the limit."
      MODEL_LABEL      = "What plays is what LYRIA_MODEL says."
      OIDC_CERTS_URL   = "Google's own; not read in mode `platform`."
      PUSH_AUDIENCE    = "Cloud Run has checked it in mode `platform`."
      REFUSALS_SECONDS = "An hour."
      VERTEX_ENDPOINT  = "The region's own."
    })
    notifier = merge(local.common_defaults, local.webhook_defaults, {
      OIDC_CERTS_URL     = "Google's own; not read in mode `platform`."
      PUSH_AUDIENCE      = "Cloud Run has checked it in mode `platform`."
      WEBHOOK_TIME_SCALE = "The documented schedule."
    })
  }
  cdn_defaults = var.domain == "" ? { CDN_KEYS = "Without a domain there is no CDN." } : {}
  common_defaults = {
    K_SERVICE   = "Cloud Run sets it."
    LOG_LEVEL   = "INFO."
    TIME_SCALE  = "Leases have their full length."
    TRACE_SHARE = "Every trace; the free share of Cloud Trace is far off."
  }
  webhook_defaults = {
    WEBHOOK_ALLOWED_TARGETS = "Nobody may do without TLS and a public address."
    WEBHOOK_SECRET          = "Each tenant makes its own."
  }
  # Cloud Run's own, and secrets: what is given would be in the state.
  never_given = ["CDN_KEYS", "K_SERVICE", "WEBHOOK_SECRET"]
}
