"""Events in, outcomes out."""
