"""What looks like a credential, and what only sounds like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from evidence.credentials import REDACTED, holds_secret, names_secret, redacted, redacted_facts


@pytest.mark.parametrize(
    "name",
    [
        "access_token", "token", "private-token", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "sig",
        "password", "client_secret", "apiKey", "api_key", "AWSAccessKeyId", "Authorization", "%61ccess_token",
        "accessToken", "private_key", "id_token", "X-Goog-Signature", "auth", "jwt",
    ],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    """In any spelling: camel case, dashes, percent signs."""
    assert names_secret(name)
    assert redacted(f"GET /x?a=1&{name}=v%20v&b=2#f") == f"GET /x?a=1&{name}={REDACTED}&b=2#f"


@pytest.mark.parametrize(
    "name",
    [
        "page_token", "pageToken", "nextPageToken", "continuation-token", "NextToken", "key", "prefix", "key-marker",
        "secret_type", "per_page", "after", "author", "design", "tokens", "passwords_changed_since", "continue",
    ],
)  # fmt: skip
def test_names_that_only_sound_alike_stay(name: str) -> None:
    """Page tokens and object keys are needed to read how a thing was asked."""
    assert not names_secret(name)
    assert redacted(f"GET /x?{name}=v") == f"GET /x?{name}=v"


@pytest.mark.parametrize(
    "text",
    [
        "gh" + "s_" + "x" * 36, "github" + "_pat_" + "1" * 30, "hv" + "s." + "A" * 24, "AK" + "IA" + "A" * 16,
        "ey" + "JhbGciOiJI.ey" + "JzdWIiOiIx.sig-_", "xox" + "b-123456789012", "Bearer abc123def456ghi789jkl",
        "-----BEGIN RSA PRIVATE" + " KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "gl" + "pat-" + "a" * 20,
    ],
)  # fmt: skip
def test_forms_of_credentials_are_known_anywhere(text: str) -> None:
    """Whatever the name beside them, at any depth."""
    assert redacted(f"before {text} after") == f"before {REDACTED} after"
    assert holds_secret({"a": [{"b": f"x {text}"}]})
    assert holds_secret({text: 1})


@pytest.mark.parametrize(
    "text",
    ["Basic Materials and Telecommunications", "https://x.example:8200/v1/sys@home", "ssh://git@github.com/x", "a@b"],
)
def test_plain_words_stay(text: str) -> None:
    """A company's name, a mail address and a port are no credentials."""
    assert redacted(text) == text
    assert not holds_secret({"a": [text, 1, None]})


@given(st.dictionaries(st.text(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)))  # fmt: skip
def test_redacted_facts_are_canonical_and_stay(facts: dict[str, object]) -> None:
    """Whatever a source notes can be an index line; redacting twice is redacting once."""
    once = redacted_facts(facts)
    canonical(once)
    assert redacted_facts(once) == once
