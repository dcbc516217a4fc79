"""The offline verifier: signatures, manifest, log. Imports nothing of the other packages."""
