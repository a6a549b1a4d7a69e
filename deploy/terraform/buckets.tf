locals {
  # Where pages may be that fetch audio: the Studio, at either of its addresses. A page of another
  # origin is sent here by the API's redirect, after which browsers call its origin `null`: naming it
  # would not let it in. Nothing is lost: a link alone opens a file, from wherever.
  origins = trimspace(var.cors_origins) == "" ? distinct([local.api_url, local.run_url]) : ["*"]
}

# Accepted requests, as an archive: of those nothing goes by itself.
resource "google_storage_bucket" "prompts" {
  # checkov:skip=CKV_GCP_62:Access logs would hold the names of what was erased; who changes the bucket is in the audit log.
  project  = var.project
  name     = "${var.project}-motif-prompts"
  location = var.region

  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  # The default, 7 days, would keep a copy of what was erased.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  # Images are looked at and not kept; should one ever lie here, it is gone after a day, noncurrent
  # or not: the age counts from the creation.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 1
      matches_prefix = ["images/"]
    }
  }

  depends_on = [google_project_service.all]
}

# Audio, what describes it, raw clips.
resource "google_storage_bucket" "output" {
  # checkov:skip=CKV_GCP_62:Access logs would hold the names of what was erased; who changes the bucket is in the audit log.
  project  = var.project
  name     = "${var.project}-motif-output"
  location = var.region

  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  # The default, 7 days, would keep a copy of what was erased.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
    condition {
      age = 30
    }
  }
  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "COLDLINE"
    }
    condition {
      age = 90
    }
  }
  # Clips of completed tracks go after 24 h, by the generator; these are the others.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 7
      matches_prefix = ["clips/"]
    }
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 7
      matches_prefix             = ["clips/"]
    }
  }

  # What pages may read of an answer, and what they may ask with: one list is both.
  cors {
    origin          = local.origins
    method          = ["GET", "HEAD"]
    response_header = ["Content-Type", "Content-Length", "Content-Range", "ETag", "Range", "If-None-Match"]
    max_age_seconds = 3600
  }

  depends_on = [google_project_service.all]
}
