"""Makes the Grafana dashboard: `make dashboard` writes it to `deploy/monitoring/dashboard.json`."""
