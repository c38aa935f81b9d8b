"""Health of the system: /healthz, /readyz, Prometheus metrics and the container check."""
