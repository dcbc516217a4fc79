"""A connection to one API server through the official client, which hands over bytes as received.

- The client does addresses, certificates and tokens (files, kubeconfig plug-ins); bodies are never parsed by it.
- Its own retries are off: 429, 5xx and broken connections are waited out by evidence.sources._patience.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import urllib3
from kubernetes import client as official
from kubernetes import config as official_config

from evidence.errors import ConfigError, SourceRejected
from evidence.sources._answers import UnusableError, facts, whole
from evidence.sources._patience import told_wait
from evidence.sources._settings import secret, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evidence.sources._patience import Patience
    from evidence.sources.base import Keep

_BLOCK = 64 * 1024


class ExpiredError(Exception):
    """The API server no longer knows the continue token or resource version (410); never leaves this package."""


class Cluster:
    """One API server, for one identity."""

    def __init__(self, api: Any, patience: Patience) -> None:
        self._api, self._patience = api, patience

    def get(self, path: str, query: Mapping[str, Any], keep: Keep, context: Mapping[str, Any]) -> dict[str, Any]:
        """The parsed answer to one GET, kept as received.

        Raises:
            ExpiredError: for 410.
            SourceRejected: if the API server refuses.
            SourceUnavailable: if it gives no whole answer in the attempts allowed.
        """
        name = f"GET {path}" + "".join(f"{'&' if n else '?'}{k}={v}" for n, (k, v) in enumerate(sorted(query.items())))
        failures: list[str] = []
        while True:
            told: float | None = None
            try:
                answer = self._ask(path, query, timeout=60)
            except urllib3.exceptions.HTTPError as error:
                failures.append(type(error).__name__)
            except official.ApiException as error:
                told = _wait_or_raise(name, error)
                failures.append(f"status {error.status}")
            else:
                noted = facts(answer.status, _lower(answer.headers)) | ({"retried": failures[:]} if failures else {})
                try:
                    value: dict[str, Any] = whole(answer.data, "items")
                except UnusableError as error:
                    keep(answer.data, request=name, response={**noted, "unusable": str(error)}, context=context)
                    failures.append(str(error))
                else:
                    keep(answer.data, request=name, response=noted, context=context)
                    return value
            self._patience.wait(name, failures, told)

    def stream(self, path: str, query: Mapping[str, Any], *, seconds: int) -> Iterator[bytes]:
        """The blocks of an answer that goes on for up to `seconds`; ends where the connection breaks.

        Raises:
            ExpiredError, SourceRejected: as `get`.
        """
        try:
            answer = self._ask(path, {**query, "timeoutSeconds": seconds}, timeout=seconds + 10)
            yield from answer.stream(_BLOCK)
        except urllib3.exceptions.HTTPError:
            return  # what was received is whole up to its last line; the next listing has the rest
        except official.ApiException as error:
            _wait_or_raise(f"GET {path}?watch", error)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def _ask(self, path: str, query: Mapping[str, Any], *, timeout: int) -> Any:
        headers: dict[str, str] = {"Accept": "application/json"}
        self._api.update_params_for_auth(headers, [], ["BearerToken"])
        url = self._api.configuration.host + path
        answer = self._api.request(
            "GET", url, query_params=list(query.items()), headers=headers, _preload_content=False,
            _request_timeout=(10, timeout),
        )  # fmt: skip
        if "watch" not in query:
            _ = answer.data  # reads it to its end, or raises
        return answer


def open_cluster(settings: Mapping[str, Any], environ: Mapping[str, str], patience: Patience) -> Cluster:
    """The connection for these settings; nothing is asked yet."""
    configuration = official.Configuration()
    if "kubeconfig" in settings:
        try:
            official_config.load_kube_config(
                settings["kubeconfig"], settings.get("context"), configuration, persist_config=False
            )
        except (official_config.ConfigException, OSError) as error:
            raise ConfigError(f"source kubernetes: kubeconfig {settings['kubeconfig']!r}: {error}") from error
    else:
        configuration.host = text("kubernetes", settings, "url").rstrip("/")
        token = secret("kubernetes", text("kubernetes", settings, "token_from", "KUBERNETES_TOKEN"), environ)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        configuration.ssl_ca_cert = settings.get("ca_file")
    configuration.retries = False
    return Cluster(official.ApiClient(configuration), patience)


def _wait_or_raise(name: str, error: Any) -> float | None:
    """The wait that the API server asks for, if it wants us back."""
    if error.status == HTTPStatus.GONE:
        raise ExpiredError(name) from error
    if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise SourceRejected(
            f"{name}: status {error.status}: it takes the verbs list and watch on this resource",
            next_step="Bind the collector's ClusterRole, and renew its token if it has expired.",
        ) from error
    if error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return told_wait(_lower(error.headers or {}))
    raise SourceRejected(
        f"{name}: status {error.status} ({error.reason})", next_step="Check `url`, `ca_file` and the cluster's version."
    ) from error


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
