"""S3-compatible bucket that several machines share.

Imported only if MEDIA_STORE is s3, because importing boto is slow.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any, BinaryIO

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from mltasks.storage.store_errors import StoreUnreachable

# Seconds. An intake request waits at most two tries, then it is answered with an error and may be repeated.
_REQUEST_CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
# Load balancers check often and wait briefly.
_HEALTH_CHECK_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})
_POOL_CONFIG = Config(max_pool_connections=32)
_CHUNK_BYTES = 1 << 20


class Bucket(S3Storage):
    """Django storage that verifies uploads by sha256 and reads objects as streams.

    All its own methods raise StoreUnreachable if the bucket can't be reached, is missing or refuses the credentials.
    """

    def get_default_settings(self) -> dict[str, Any]:
        """Return the defaults of django-storages, with timeouts.

        Credentials come from boto's variables.
        """
        defaults: dict[str, Any] = super().get_default_settings()
        return defaults | {"client_config": _REQUEST_CONFIG.merge(_POOL_CONFIG)}

    @cached_property
    def _client(self) -> Any:
        # One client per process: clients, unlike resources, may be shared by threads.
        return self.connection.meta.client

    @cached_property
    def _quick_client(self) -> Any:
        options = {"region_name": self.region_name, "endpoint_url": self.endpoint_url, "verify": self.verify}
        return self._create_session().client("s3", config=self.client_config.merge(_HEALTH_CHECK_CONFIG), **options)

    def put_if_absent(self, name: str, content: BinaryIO, sha256: str, size: int) -> None:
        """Put ``size`` bytes under the name, unless an object of that name and size exists."""
        if self.size_of(name) != size:
            self.put(name, content, sha256)

    def put(self, name: str, content: BinaryIO, sha256: str) -> None:
        """Put the whole stream under the name; return once the server has stored it."""
        content.seek(0)
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self._translate_errors(name):
            self._client.put_object(
                Bucket=self.bucket_name, Key=self._normalize_name(name), Body=content, ChecksumSHA256=checksum
            )

    def size_of(self, name: str) -> int | None:
        """Return the object's size in bytes; None if there is no object."""
        try:
            with self._translate_errors(name):
                head = self._client.head_object(Bucket=self.bucket_name, Key=self._normalize_name(name))
        except FileNotFoundError:
            return None
        return int(head["ContentLength"])

    def read(self, name: str, into: BinaryIO) -> None:
        """Write the object's bytes into a file. Raises FileNotFoundError if there is no object."""
        with self._translate_errors(name):
            answer = self._client.get_object(Bucket=self.bucket_name, Key=self._normalize_name(name))
            with closing(answer["Body"]) as body:
                shutil.copyfileobj(body, into, _CHUNK_BYTES)

    def remove(self, name: str) -> None:
        """Remove the object if it exists."""
        with self._translate_errors(name):
            self._client.delete_object(Bucket=self.bucket_name, Key=self._normalize_name(name))

    def list(self, folder: str) -> Iterator[tuple[str, int, float]]:
        """Yield name, bytes and write time of all objects with that prefix.

        The write time is in seconds since 1970.
        """
        prefix = self._normalize_name(folder)
        with self._translate_errors(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix=prefix)
            for page in pages:
                for entry in page.get("Contents", ()):
                    name = folder + entry["Key"].removeprefix(prefix)
                    yield name, int(entry["Size"]), entry["LastModified"].timestamp()

    def check_reachable(self) -> None:
        """Check within about three seconds that the bucket exists and accepts the credentials."""
        try:
            with self._translate_errors(""):
                self._quick_client.head_bucket(Bucket=self.bucket_name)
        except FileNotFoundError:
            raise StoreUnreachable(f"There is no bucket {self.bucket_name} at {self._endpoint_name}.") from None

    @property
    def _endpoint_name(self) -> str:
        return self.endpoint_url or "AWS"

    @contextmanager
    def _translate_errors(self, name: str) -> Iterator[None]:
        """Translate boto's errors into FileNotFoundError and StoreUnreachable."""
        try:
            yield
        except ClientError as error:
            if error.response["Error"].get("Code", "") in ("404", "NoSuchKey", "NotFound"):
                raise FileNotFoundError(f"The bucket {self.bucket_name} has no {name}.") from None
            raise StoreUnreachable(
                f"The bucket {self.bucket_name} at {self._endpoint_name} refused: {error}"
            ) from error
        except BotoCoreError as error:
            raise StoreUnreachable(
                f"The bucket {self.bucket_name} at {self._endpoint_name} cannot be reached: {error}"
            ) from error
