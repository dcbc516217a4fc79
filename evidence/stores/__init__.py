"""One module per URL scheme: write-once objects with retention."""
