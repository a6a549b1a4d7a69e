terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }

  # The bucket is named at `terraform init -backend-config=bucket=PROJECT-motif-state`.
  backend "gcs" {
    prefix = "motif"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = {
    app = "motif"
  }
}
