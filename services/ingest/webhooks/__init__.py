"""Webhooks as their receivers see them: deliveries, endpoints, secrets."""
