"""Caches that weigh bytes and know nothing of what they hold."""
