"""Event brokers: messages in and out, acknowledged one by one."""
