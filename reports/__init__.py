"""Tell people: the quarterly pack, DORA metrics."""
