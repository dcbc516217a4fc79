"""The DORA metrics, computed from facts."""
