"""Turn captures into typed tables, and open them for questions."""
