# Each makes a subscription of its own, with an acknowledgement deadline of 10 s, 24 h of retention
# and no dead letters. None of that can be set here, nor the subscription imported: `make deploy`
# sets it afterwards and reads it back (docs/deploy.md).

resource "google_eventarc_trigger" "all" {
  for_each = local.topics

  project         = var.project
  name            = "motif-${each.key}"
  location        = var.region
  service_account = google_service_account.all["eventarc"].email

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.pubsub.topic.v1.messagePublished"
  }

  transport {
    pubsub {
      topic = google_pubsub_topic.all[each.key].id
    }
  }

  destination {
    cloud_run_service {
      service = local.private[each.value.service].name
      region  = var.region
      path    = each.value.path
    }
  }

  # Without it the first messages would be refused.
  depends_on = [google_cloud_run_v2_service_iam_member.all]
}
