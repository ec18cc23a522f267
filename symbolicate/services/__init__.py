"""What one can ask for, one noun a module."""
