-- Small functions that sheets and views share. Each is total: a value that is not of its kind gives NULL.

-- RFC 3339 text -> instant, in the years 1 to 9999. Go's zero time means "not set"; words such as `infinity` say nothing.
CREATE OR REPLACE MACRO instant(t) AS
    CASE WHEN t LIKE '____-__-__%' AND t NOT LIKE '%BC%' AND t NOT LIKE '0001-01-01T00:00:00%'
        THEN try_cast(t AS TIMESTAMPTZ) END;

-- Milliseconds since 1970 -> instant in the years 1 to 9999, without a detour over floating point.
CREATE OR REPLACE MACRO epoch_millis(t) AS
    CASE WHEN t BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(t * 1000) END;

-- Seconds since 1970 -> instant in the years 1 to 9999.
CREATE OR REPLACE MACRO epoch_seconds(t) AS
    CASE WHEN t BETWEEN -62135596800 AND 253402300799 THEN make_timestamptz(t * 1000000) END;

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


-- Milliseconds since 1970 as a number or as text, or RFC 3339 text -> instant.
CREATE OR REPLACE MACRO epoch_or_instant(t) AS
    coalesce(epoch_millis(try_cast(t AS BIGINT)), instant(t));

-- RFC 3339 text -> nanoseconds since 1970, in the years 1700 to 2200; the instant type ends at microseconds.
CREATE OR REPLACE MACRO nanos_of(t) AS
    CASE WHEN t BETWEEN '1700' AND '2200' THEN epoch_us(instant(regexp_replace(t, '\.[0-9]+', ''))) * 1000 END
    + coalesce(try_cast(rpad(left(regexp_extract(t, '\.([0-9]+)', 1), 9), 9, '0') AS BIGINT), 0);

-- An address (or a JSON text with addresses) without credentials: neither user information nor a query value that looks like a secret.
CREATE OR REPLACE MACRO redact_url(url) AS regexp_replace(
    regexp_replace(url, '://[^/@\s"]+@', '://REDACTED@', 'g'),
    '([?&](?:[a-z_-]*token|[a-z_-]*secret|[a-z_-]*key|password|sig|signature|x-amz-[a-z-]+)=)[^&#"]*', '\1REDACTED', 'gi'
);

-- The same of a whole JSON text; most records have no such address, and are not searched closely.
CREATE OR REPLACE MACRO redact_text(text) AS
    CASE WHEN contains(text, '?') OR contains(text, '://') THEN redact_url(text) ELSE text END;

-- Text without credentials: those in addresses, and whatever has the form of a known one (as evidence.credentials has them).
CREATE OR REPLACE MACRO redact_words(text) AS regexp_replace(
    redact_text(CAST(text AS VARCHAR)),
    '\bgh[opusr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}|\bhv[bs]\.[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?s:.*?)-----END [A-Z ]*PRIVATE KEY-----)?',
    'REDACTED', 'g'
);

-- The same of JSON text, where members with the name of a credential lose their value too.
CREATE OR REPLACE MACRO redact_json(value) AS regexp_replace(
    redact_words(value),
    '("(?:(?:access|auth|api|refresh|client|bearer|session|id|github|vault)[_-]?token|token|[\w./-]*(?:secret|passw(?:or)?d|passphrase|api[_-]?key|private[_-]?key|credential|authorization))"\s*:\s*)"(?:[^"\\]|\\.)*"', '\1"REDACTED"', 'gi'
);

-- A whole audit event: most name no secret and have no nested attributes, and are only searched for addresses.
CREATE OR REPLACE MACRO redact_event(body) AS
    CASE WHEN contains(body, '"data"') OR contains(body, '"secret"') THEN redact_json(body) ELSE redact_text(body) END;

-- The object that a source writes as an object or as JSON text; NULL for any other value.
CREATE OR REPLACE MACRO object_of(value) AS
    CASE
        WHEN json_type(value) = 'OBJECT' THEN value
        WHEN json_valid(value ->> '$') THEN CASE WHEN json_type(value ->> '$') = 'OBJECT' THEN CAST(value ->> '$' AS JSON) END
    END;

-- HMAC-SHA256 under the home's redaction key (the two halves of RFC 2104 are prepared by warehouse.redaction).
CREATE OR REPLACE MACRO keyed_hash(value) AS
    'hmac-sha256:' || sha256(getvariable('redaction_outer') || unhex(sha256(getvariable('redaction_inner') || encode(CAST(value AS VARCHAR)))));

-- The HMAC that a source wrote, or ours where it wrote the secret itself.
CREATE OR REPLACE MACRO hmac_of(value) AS CASE WHEN starts_with(value, 'hmac-sha256:') OR value = '' THEN value ELSE keyed_hash(value) END;

-- A list as JSON text; NULL where there was no list.
CREATE OR REPLACE MACRO json_list(items) AS CASE WHEN items IS NOT NULL THEN CAST(to_json(items) AS VARCHAR) END;

-- Files of a comparison: path and status. Of workflows, actions and their patch also the actions that were added, the lines
-- that switch a step off, and the jobs that were removed and added; no other content.
CREATE OR REPLACE MACRO comparison_files(files) AS json_list(list_transform(
    list_transform(json_extract(files, '$[*]'), lambda f: {
        'f': f, 'patch': CASE WHEN regexp_matches(f ->> '$.filename', '(^|/)(\.github/.*|action\.ya?ml)$') THEN f ->> '$.patch' END
    }),
    lambda p: {
        'filename': p.f ->> '$.filename', 'status': p.f ->> '$.status', 'previous_filename': p.f ->> '$.previous_filename', 'sha': p.f ->> '$.sha',
        'patched': p.patch IS NOT NULL,
        'uses': regexp_extract_all(p.patch, '(?m)^\+\s*(?:-\s+)?uses:\s*["'']?([^\s"''#]+)', 1),
        'switched_off': regexp_extract_all(p.patch, '(?m)^\+\s*(?:-\s+)?((?:continue-on-error:\s*["'']?true|if:\s*["'']?(?:\$\{\{\s*)?false)\b)', 1),
        'jobs_removed': regexp_extract_all(p.patch, '(?m)^-  ([A-Za-z_][\w-]*):\s*$', 1),
        'jobs_added': regexp_extract_all(p.patch, '(?m)^\+  ([A-Za-z_][\w-]*):\s*$', 1)
    }
));

-- An attribute of an instance of a Terraform state, unless the state calls it sensitive.
CREATE OR REPLACE MACRO open_attribute(i, name) AS
    CASE WHEN NOT contains(coalesce(i ->> '$.sensitive_attributes', ''), '"' || name || '"') THEN i -> '$.attributes' ->> name END;

-- Resources of a Terraform state (version 4): addresses, keyed hashes of their attributes, and the attributes that
-- controls ask for and that hold no secret.
CREATE OR REPLACE MACRO state_resources(resources) AS json_list(list_transform(
    json_extract(resources, '$[*]'),
    lambda r: {
        'module': r ->> '$.module', 'mode': r ->> '$.mode', 'type': r ->> '$.type', 'name': r ->> '$.name',
        'provider': r ->> '$.provider',
        'instances': list_transform(
            json_extract(r, '$.instances[*]'),
            lambda i: {
                'index_key': i -> '$.index_key', 'status': i ->> '$.status', 'deposed': i ->> '$.deposed',
                'attributes_hash': keyed_hash(i -> '$.attributes'),
                'attributes': {
                    'arn': open_attribute(i, 'arn'), 'role': open_attribute(i, 'role'),
                    'user': open_attribute(i, 'user'), 'policy_arn': open_attribute(i, 'policy_arn'),
                    'policy': open_attribute(i, 'policy'),
                    'assume_role_policy': open_attribute(i, 'assume_role_policy'),
                    'principal_arn': open_attribute(i, 'principal_arn'),
                    'kubernetes_groups': i -> '$.attributes.kubernetes_groups',
                    'enable_key_rotation': i -> '$.attributes.enable_key_rotation',
                    'backup_retention_period': i -> '$.attributes.backup_retention_period',
                    'deletion_protection': i -> '$.attributes.deletion_protection',
                    'min_size': i -> '$.attributes.min_size', 'max_size': i -> '$.attributes.max_size',
                    'desired_size': i -> '$.attributes.desired_size',
                    'id': i ->> '$.attributes.id', 'vpc_id': i ->> '$.attributes.vpc_id', 'peer_vpc_id': i ->> '$.attributes.peer_vpc_id',
                    'cidr_block': i ->> '$.attributes.cidr_block', 'cidr_blocks': i -> '$.attributes.cidr_blocks',
                    'source_security_group_id': coalesce(i ->> '$.attributes.source_security_group_id', i ->> '$.attributes.referenced_security_group_id')
                }
            }
        )
    }
));

-- Rules of every run of a SARIF report.
CREATE OR REPLACE MACRO sarif_rules(runs) AS json_list(flatten(list_transform(
    json_extract(runs, '$[*]'),
    lambda run: list_transform(
        json_extract(run, '$.tool.driver.rules[*]'),
        lambda rule: {
            'tool': run ->> '$.tool.driver.name', 'id': rule ->> '$.id',
            'level': rule ->> '$.defaultConfiguration.level',
            'security_severity': rule ->> '$.properties."security-severity"'
        }
    )
)));

-- Results of every run of a SARIF report, without snippets and messages; NULL where a run has no list of them: it was not
-- able to tell what it found.
CREATE OR REPLACE MACRO sarif_results(runs) AS json_list(CASE WHEN len(list_filter(json_extract(runs, '$[*]'),
    lambda run: coalesce(json_type(json_extract(run, '$.results')), '') <> 'ARRAY')) = 0 THEN flatten(list_transform(
    json_extract(runs, '$[*]'),
    lambda run: list_transform(
        json_extract(run, '$.results[*]'),
        lambda r: {
            'tool': run ->> '$.tool.driver.name', 'rule_id': coalesce(r ->> '$.ruleId', r ->> '$.rule.id'),
            'rule_index': r -> '$.ruleIndex', 'level': r ->> '$.level', 'kind': r ->> '$.kind',
            'uri': r ->> '$.locations[0].physicalLocation.artifactLocation.uri',
            'start_line': r -> '$.locations[0].physicalLocation.region.startLine',
            'fingerprints': coalesce(r -> '$.partialFingerprints', r -> '$.fingerprints'),
            'suppressions': r -> '$.suppressions', 'baseline_state': r ->> '$.baselineState'
        }
    )
)) END);

-- Findings of every target of a Trivy report.
CREATE OR REPLACE MACRO trivy_vulnerabilities(results) AS json_list(flatten(list_transform(
    json_extract(results, '$[*]'),
    lambda t: list_transform(
        json_extract(t, '$.Vulnerabilities[*]'),
        lambda v: {
            'target': t ->> '$.Target', 'class': t ->> '$.Class', 'id': v ->> '$.VulnerabilityID',
            'package': v ->> '$.PkgName', 'installed': v ->> '$.InstalledVersion', 'fixed': v ->> '$.FixedVersion',
            'severity': v ->> '$.Severity', 'status': v ->> '$.Status'
        }
    )
)));
CREATE OR REPLACE MACRO trivy_misconfigurations(results) AS json_list(flatten(list_transform(
    json_extract(results, '$[*]'),
    lambda t: list_transform(
        json_extract(t, '$.Misconfigurations[*]'),
        lambda m: {
            'target': t ->> '$.Target', 'id': m ->> '$.ID', 'severity': m ->> '$.Severity', 'status': m ->> '$.Status'
        }
    )
)));
CREATE OR REPLACE MACRO trivy_secrets(results) AS json_list(flatten(list_transform(
    json_extract(results, '$[*]'),
    lambda t: list_transform(
        json_extract(t, '$.Secrets[*]'),
        lambda s: {
            'target': t ->> '$.Target', 'rule_id': s ->> '$.RuleID', 'category': s ->> '$.Category',
            'severity': s ->> '$.Severity'
        }
    )
)));

-- Alerts of the sites of a ZAP report; some versions write a single site as an object.
CREATE OR REPLACE MACRO zap_alerts(site) AS json_list(flatten(list_transform(
    CASE WHEN json_type(site) = 'OBJECT' THEN [site] ELSE json_extract(site, '$[*]') END,
    lambda s: list_transform(
        json_extract(s, '$.alerts[*]'),
        lambda a: {
            'site': s ->> '$."@name"', 'plugin_id': a ->> '$.pluginid', 'name': a ->> '$.name',
            'risk': a ->> '$.riskcode', 'confidence': a ->> '$.confidence', 'count': a ->> '$.count'
        }
    )
)));
