"""What can be known of a deployment without an account: ``make check-deploy``."""
