"""Run it all on a schedule. The only package that knows Dagster."""
