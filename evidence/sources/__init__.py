"""One module per system of record: how to ask it, page by page, window by window."""
