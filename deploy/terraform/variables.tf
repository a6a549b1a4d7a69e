variable "project" {
  description = "Id of the Google Cloud project that everything is made in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id is 6 to 30 of a-z, 0-9 and -."
  }
}

variable "region" {
  description = "The one region of services, triggers, topics, buckets and database."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "images" {
  description = "Images of the services, by digest."
  type        = object({ ingest = string, generator = string, notifier = string })
  nullable    = false

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "An image is named by its digest (IMAGE@sha256:...): what a tag means may change."
  }
}

variable "deletion_protection" {
  description = "Guards services, database, buckets and secrets against deletion. To destroy, apply with false first."
  type        = bool
  default     = true
  nullable    = false
}

variable "lyria_quota_per_minute" {
  description = "Calls of Lyria 2 that the project may make in a minute (its quota in the Console)."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.lyria_quota_per_minute >= 1
    error_message = "Without a call in a minute no track would ever be made."
  }
}

variable "domain" {
  description = "Domain of the API, for the load balancer and Cloud CDN; empty: neither, the API is at its run.app URL."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A domain is a host name in lower case, such as motif.example.com."
  }
}

variable "cors_origins" {
  description = "Origins besides the API's own that browsers may call from, by commas; `*`: any. With one, audio may be read by pages of any."
  type        = string
  default     = ""
  nullable    = false
}

variable "alert_email" {
  description = "Where alerts go; empty: they show in the Console only."
  type        = string
  default     = ""
  nullable    = false
}

variable "otlp_endpoint" {
  description = "Where traces and metrics go; empty: nowhere."
  type        = string
  default     = "https://telemetry.googleapis.com"
  nullable    = false
}

variable "instances" {
  description = "Fewest and most instances of each service. With none at rest an idle Motif costs next to nothing (docs/cost.md); a first call then waits for a start."
  type = object({
    ingest    = optional(object({ min = number, max = number }), { min = 0, max = 10 })
    generator = optional(object({ min = number, max = number }), { min = 0, max = 10 })
    notifier  = optional(object({ min = number, max = number }), { min = 0, max = 5 })
  })
  default  = {}
  nullable = false
}

variable "work_slots" {
  description = "Tracks that one instance of the generator works on at once."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.work_slots >= 1 && var.work_slots <= 60
    error_message = "Each slot holds a thread of 80, and some are left for probes, sweeps and pushes that will be parked."
  }
}

variable "topic_retention" {
  description = <<-EOT
    How long topics keep messages that were delivered, such as 86400s; null: not at all. Nothing is
    ever replayed from a topic, since documents are the truth, and what an erased track has published
    would stay readable for as long. Undelivered messages are kept by the subscriptions, for 7 days.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.topic_retention == null || can(regex("^[0-9]+s$", coalesce(var.topic_retention, "0s")))
    error_message = "A retention is a number of seconds from 600s to 2678400s."
  }
}

variable "secret_versions" {
  description = <<-EOT
    Version of each secret that new revisions read, as secret => number. Numbers instead of `latest`:
    all instances of a revision hold the same keys, and a roll-back brings the old keys back with the
    old code. The deploy command names the newest; what is not named is `latest`, never an old one.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for secret in keys(var.secret_versions) : contains(local.secrets, secret)])
    error_message = "There is no such secret: see secrets.tf."
  }
}

variable "settings" {
  description = "Settings that are otherwise left at their default (settings.tf names them), as service => variable => value."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for service, given in var.settings : [
        for name in keys(given) : contains(setsubtract(keys(lookup(local.left_at_default, service, {})), local.never_given), name)
      ]
    ]))
    error_message = "Only what left_at_default in settings.tf names for that service can be set; but for never_given; all else has a variable, or is fixed."
  }
}
