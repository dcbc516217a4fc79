"""The quarterly evidence pack: sections, rendering, signature."""
