"""Everything around the services: server settings, schemas, the local stack."""
