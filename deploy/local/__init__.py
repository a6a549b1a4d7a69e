"""The local stack: a runner, and stand-ins that speak the real protocols."""
