"""Who calls: keys, sessions, tenants."""
