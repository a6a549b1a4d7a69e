"""A local Eventarc and Cloud Scheduler: what calls the services' private endpoints."""
