"""One keep-alive connection to GitHub, through PyGithub's requester, that hands over bytes as received.

- PyGithub signs the request (token or App installation), builds the URL and checks the host; it reads nothing: its
  own parsing, retries, throttling and redirects never see an answer.
- `Answer.body` is the body with its Content-Encoding (gzip) undone and nothing else: not decoded, not parsed.
- A body shorter than its Content-Length, a reset, a timeout is a `ComeBackError`; the next request connects anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from github import Auth, Github, GithubException
from github.Requester import HTTPRequestsConnectionClass, RequestsResponse

from evidence.errors import SourceRejected
from evidence.sources.github.refusal import relative

if TYPE_CHECKING:
    from collections.abc import ItemsView, Mapping

    from evidence.sources.github.settings import Access

_API_VERSION = "2022-11-28"
_ACCEPT = "application/vnd.github+json"


class ComeBackError(Exception):
    """No answer, or "come back later": asking again may help; never leaves this package.

    Attributes:
        cause: what happened, in a few words.
        told: seconds that GitHub asked to wait; None if it did not say.
    """

    def __init__(self, cause: str, told: float | None = None) -> None:
        super().__init__(cause)
        self.cause, self.told = cause, told


class Answer:
    """One whole HTTP answer: `status`, `headers` (lower-case names), `body` as received."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers.items()}


class Wire:
    """A connection to one GitHub, for one identity.

    Args:
        access: where and as whom.
        user_agent: how we introduce ourselves.
    """

    def __init__(self, access: Access, *, user_agent: str = "delivery-evidence") -> None:
        self._connection = _Connection(access.url, access.timeout, access.proxy)
        self._github = Github(
            auth=_auth(access), base_url=access.url, timeout=math.ceil(access.timeout), user_agent=user_agent,
            retry=None, seconds_between_requests=None, seconds_between_writes=None, api_version=_API_VERSION,
        )  # fmt: skip
        self._requester = self._github.requester
        self._host = urlsplit(access.url).netloc
        self.prefix = urlsplit(access.url).path  #: the API root's own path, such as /api/v3

    def get(self, path: str, *, etag: str = "") -> Answer:
        """GET a path with its query, relative to the API's root or absolute; a given `etag` may bring a 304."""
        return self._exchange("GET", path, {"If-None-Match": etag} if etag else {}, None)

    def graphql(self, query: str, variables: Mapping[str, Any]) -> Answer:
        """POST one GraphQL query."""
        return self._exchange("POST", self._requester.graphql_url, {}, {"query": query, "variables": dict(variables)})

    def same_host(self, location: str) -> str:
        """The path that a redirect leads to.

        Raises:
            SourceRejected: if it leads to another host: the token goes nowhere else.
        """
        if urlsplit(location).netloc not in {"", self._host}:
            raise SourceRejected(
                f"GitHub redirects to {urlsplit(location).netloc or location!r}, but only {self._host} is asked",
                next_step="Correct `url` under the source github.",
            )
        return relative(location, self.prefix)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._github.close()

    def _exchange(self, verb: str, url: str, headers: dict[str, str], body: Any) -> Answer:
        sent = {"Accept": _ACCEPT, "Accept-Encoding": "gzip", **headers}
        try:
            self._requester.requestJson(verb, url, headers=sent, input=body, cnx=self._connection)
        except urllib3.exceptions.HTTPError as error:
            raise ComeBackError(_plain(error)) from error
        except requests.RequestException as error:  # PyGithub renews an App's token over a connection of its own
            raise ComeBackError(f"no token for the App's installation: {type(error).__name__}") from error
        except GithubException as error:
            raise SourceRejected(
                f"GitHub gave no token for the App's installation: status {error.status}",
                next_step="Check the App's id, installation and private key, and that it is still installed.",
            ) from error
        return self._connection.received


class _Connection(HTTPRequestsConnectionClass):
    """What PyGithub takes for its connection: sends its request, keeps the answer to itself."""

    def __init__(self, url: str, timeout: float, proxy: str) -> None:
        self.host = urlsplit(url).hostname or ""
        options: dict[str, Any] = {"timeout": timeout, "maxsize": 1, "retries": False}
        if url.startswith("https:"):
            options["ca_certs"] = certifi.where()
        manager = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        self._pool = manager.connection_from_url(url)
        self.received = Answer(0, {}, b"")

    def getresponse(self) -> RequestsResponse:
        answer = self._pool.urlopen(
            self.verb, self.url, body=self.input, headers=self.headers,
            redirect=False, preload_content=True, decode_content=True,
        )  # fmt: skip
        self.received = Answer(answer.status, answer.headers, answer.data)
        return _Nothing()

    def close(self) -> None:
        self._pool.close()


class _Nothing(RequestsResponse):
    """What PyGithub gets to see: an empty success, so that it does nothing of its own with the answer."""

    def __init__(self) -> None:
        self.status = 200

    def getheaders(self) -> ItemsView[str, str]:
        return {}.items()

    def read(self) -> str:
        return ""


def _auth(access: Access) -> Auth.Auth:
    if access.app is None:
        return Auth.Token(access.token)
    return Auth.AppAuth(access.app.id, access.token).get_installation_auth(access.app.installation)


def _plain(error: urllib3.exceptions.HTTPError) -> str:
    """The cause in a few words, without the connection object's address in memory."""
    if isinstance(error, urllib3.exceptions.SSLError):
        raise SourceRejected(
            f"GitHub's certificate was not accepted: {error}",
            next_step="Correct the URL, or the certificate of the proxy in between.",
        ) from error
    return f"{type(error).__name__}: {error.args[-1] if error.args else error}"
