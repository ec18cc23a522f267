"""Makes the bucket of an object store that may still be starting: make_bucket.py URL BUCKET."""

from __future__ import annotations

import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 120


def main(endpoint_url: str, bucket: str) -> None:
    store = boto3.client("s3", endpoint_url=endpoint_url, region_name="us-east-1")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if bucket not in (one["Name"] for one in store.list_buckets()["Buckets"]):
                store.create_bucket(Bucket=bucket)
            store.put_object(Bucket=bucket, Key="ready", Body=b"")
            return
        except (BotoCoreError, ClientError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
