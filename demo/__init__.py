"""A simulated company that serves its systems in their own formats, deterministic from a seed."""
