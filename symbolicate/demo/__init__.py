"""The demo: real crashes of real bundles, replayed against a real server and shown side by side."""
