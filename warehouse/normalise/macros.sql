-- Small functions that sheets and views share. Each is total: a value that is not of its kind gives NULL.

-- RFC 3339 text -> instant. Go's zero time means "not set".
CREATE OR REPLACE MACRO instant(t) AS
    CASE WHEN t LIKE '0001-01-01T00:00:00%' THEN NULL ELSE try_cast(t AS TIMESTAMPTZ) END;

-- Milliseconds since 1970 -> instant, without a detour over floating point.
CREATE OR REPLACE MACRO epoch_millis(t) AS make_timestamptz(t * 1000);

-- Seconds since 1970 -> instant.
CREATE OR REPLACE MACRO epoch_seconds(t) AS make_timestamptz(t * 1000000);

-- "https://api.github.com/repos/org/name/pulls/3" -> "org/name"
CREATE OR REPLACE MACRO repo_of_url(url) AS nullif(regexp_extract(url, '/repos/([^/]+/[^/]+)', 1), '');

-- The number after the last slash of a URL.
CREATE OR REPLACE MACRO number_of_url(url) AS try_cast(regexp_extract(url, '([0-9]+)/?$', 1) AS BIGINT);

-- Login of an actor that a source writes as an object or as a bare string.
CREATE OR REPLACE MACRO login_of(actor) AS
    CASE WHEN json_type(actor) = 'VARCHAR' THEN json_extract_string(actor, '$') ELSE actor ->> '$.login' END;

-- Numeric id of an actor that a source writes as an object.
CREATE OR REPLACE MACRO id_of(actor) AS
    CASE WHEN json_type(actor) = 'OBJECT' THEN try_cast(actor ->> '$.id' AS BIGINT) END;
