CREATE SCHEMA "engine";
CREATE TABLE "engine".schema_version (version integer PRIMARY KEY, oldest integer NOT NULL, migrated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE "engine".runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    head integer NOT NULL,
    started_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    status text NOT NULL,
    driver text NOT NULL,
    waits_for text NOT NULL,
    until double precision,
    cost_usd double precision,
    claims integer NOT NULL,
    format integer NOT NULL,
    user_name text NOT NULL,
    forked_from text NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX runs_by_status ON "engine".runs (status, number);
CREATE INDEX runs_by_user ON "engine".runs (user_name, number);
CREATE INDEX runs_by_driver ON "engine".runs (driver, number) WHERE driver <> '';
CREATE INDEX runs_due ON "engine".runs (until) WHERE status = 'waiting' AND until IS NOT NULL;
CREATE TABLE "engine".tasks (
    run bigint PRIMARY KEY,
    task text NOT NULL,
    folded text NOT NULL
);
CREATE TABLE "engine".events (
    run bigint NOT NULL,
    seq integer NOT NULL,
    at double precision NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE TABLE "engine".artifacts (
    sha256 bytea PRIMARY KEY,
    data bytea NOT NULL,
    touched_at double precision NOT NULL
);
CREATE TABLE "engine".artifact_uses (
    sha256 bytea NOT NULL,
    run bigint NOT NULL,
    PRIMARY KEY (sha256, run)
);
CREATE INDEX artifact_uses_by_run ON "engine".artifact_uses (run);
CREATE TABLE "engine".drivers (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL,
    host text NOT NULL,
    pid bigint NOT NULL,
    boot_id text NOT NULL,
    version text NOT NULL,
    format integer NOT NULL,
    started_at double precision NOT NULL,
    beat_at double precision NOT NULL,
    timeout_s double precision NOT NULL,
    draining boolean NOT NULL
) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE "engine".live (
    run bigint NOT NULL,
    place bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (run, place)
);
CREATE TABLE "engine".accounts (
    scope text COLLATE "C" NOT NULL,
    measure text COLLATE "C" NOT NULL,
    cap numeric,
    kept numeric NOT NULL,
    spent numeric NOT NULL,
    reserved numeric NOT NULL,
    warned boolean NOT NULL,
    period text NOT NULL,
    zone text NOT NULL,
    began bigint NOT NULL,
    PRIMARY KEY (scope, measure)
) WITH (fillfactor = 50);
CREATE TABLE "engine".reservations (
    id text NOT NULL,
    scope text COLLATE "C" NOT NULL,
    measure text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    began bigint NOT NULL,
    charged boolean NOT NULL,
    owner text NOT NULL,
    expires double precision,
    PRIMARY KEY (id, scope, measure)
);
CREATE TABLE "engine".notes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    line text NOT NULL,
    at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
);
CREATE INDEX notes_by_key ON "engine".notes (kind, key, position);
CREATE TABLE "engine".facts (
    name text PRIMARY KEY,
    at double precision NOT NULL
);
CREATE VIEW "engine".history AS
    SELECT r.id AS run_id, e.seq, to_timestamp(e.at) AS at, e.kind, e.body
    FROM "engine".events e JOIN "engine".runs r ON r.number = e.run;

CREATE TABLE "engine".api_keys (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    hash text NOT NULL UNIQUE,
    previous_hash text,
    body text NOT NULL
);
CREATE INDEX api_keys_by_previous ON "engine".api_keys (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE TABLE "engine".usage (
    run_id text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nano_usd bigint NOT NULL,
    unpriced_calls bigint NOT NULL,
    failed_calls bigint NOT NULL,
    cached_answers bigint NOT NULL,
    PRIMARY KEY (run_id, day, key, provider, model, agent, role)
) WITH (fillfactor = 70);
CREATE INDEX usage_by_day ON "engine".usage (day);
CREATE TABLE "engine".usage_days (
    day text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nano_usd bigint NOT NULL,
    unpriced_calls bigint NOT NULL,
    failed_calls bigint NOT NULL,
    cached_answers bigint NOT NULL,
    PRIMARY KEY (day, key, provider, model, agent, role)
) WITH (fillfactor = 50);
CREATE TABLE "engine".usage_batches (
    name text PRIMARY KEY,
    at double precision NOT NULL
);
CREATE INDEX usage_batches_by_age ON "engine".usage_batches (at);
CREATE UNLOGGED TABLE "engine".answers (
    key text PRIMARY KEY,
    until double precision NOT NULL,
    answer bytea NOT NULL
);
CREATE INDEX answers_by_age ON "engine".answers (until);
ALTER TABLE "engine".accounts ADD COLUMN extra numeric NOT NULL DEFAULT 0;
ALTER TABLE "engine".accounts ADD COLUMN paused double precision NOT NULL DEFAULT 0;
ALTER TABLE "engine".runs ADD COLUMN assistant text NOT NULL DEFAULT '';

CREATE TABLE "engine".audit (
    n bigint PRIMARY KEY,
    at double precision NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    body text NOT NULL,
    head text NOT NULL
);
CREATE INDEX audit_by_run ON "engine".audit (run_id);
CREATE INDEX audit_by_time ON "engine".audit (at);
CREATE TABLE "engine".audit_anchor (
    n bigint NOT NULL,
    head text NOT NULL
);
INSERT INTO "engine".schema_version OVERRIDING SYSTEM VALUE VALUES ('1', '1', '2026-11-22 00:37:37.728680+00:00');
INSERT INTO "engine".schema_version OVERRIDING SYSTEM VALUE VALUES ('2', '1', '2026-11-22 00:37:37.728680+00:00');
INSERT INTO "engine".schema_version OVERRIDING SYSTEM VALUE VALUES ('3', '1', '2026-11-22 00:37:37.728680+00:00');
INSERT INTO "engine".schema_version OVERRIDING SYSTEM VALUE VALUES ('4', '1', '2026-11-22 00:37:37.728680+00:00');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('1', 'queued', '1', '1795307857.859574', '1795307857.859574', 'queued', '', '', NULL, '0.0', '0', '1', 'ann', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('2', 'running', '3', '1795307857.900428', '1795307857.900428', 'running', 'd1', '', NULL, '0.25', '1', '1', '', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('3', 'waiting', '3', '1795307857.915453', '1795307857.915453', 'waiting', '', 'timer', '9000000000.0', '0.0', '1', '1', '', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('4', 'completed', '5', '1795307857.923716', '1795307857.923716', 'completed', '', '', NULL, '0.0', '1', '1', '', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('5', 'failed', '2', '1795307857.926394', '1795307857.926394', 'failed', '', '', NULL, '0.0', '1', '1', '', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('6', 'cancelled', '2', '1795307857.935127', '1795307857.935127', 'cancelled', '', '', NULL, '0.0', '1', '1', '', '', '');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('1', 'Ask ÄÖ', 'ask äö');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('2', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('3', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('4', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('5', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('6', 't', 't');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('1', '1', '1795307857.859574', 'run_started', '{"task":"Ask ÄÖ","mode":"plan","plan":{"goal":"g","steps":[{"id":"1","tool":"t","tool_input":{"q":"é"}}]},"user":"ann"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('2', '1', '1795307857.900428', 'run_started', '{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('2', '2', '1795307857.900428', 'plan_started', '{}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('2', '3', '1795307857.900428', 'model_called', '{"role":"planner","model":"m","parts":[{"kind":"text","text":"…","refusal":false,"annotations":[],"cache":""}],"usage":{"calls":1,"input_tokens":0,"cached_tokens":0,"cache_write_tokens":0,"cache_write_1h_tokens":0,"output_tokens":0,"reasoning_tokens":0,"cost_usd":0.25}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('3', '1', '1795307857.915453', 'run_started', '{"task":"t","mode":"plan"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('3', '2', '1795307857.915453', 'run_claimed', '{"driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('3', '3', '1795307857.915453', 'run_parked', '{"reason":"timer","until":9000000000.0}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '1', '1795307857.923716', 'run_started', '{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '2', '1795307857.923716', 'step_ended', '{"step_id":"1","result":{"status":"done","value":{"text":"long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long "}}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '3', '1795307857.923716', 'step_ended', '{"step_id":"2","result":{"status":"done","artifact":{"sha256":"0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d","size_bytes":180,"preview":"[…"}}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '4', '1795307857.923716', 'answer', '{"text":"42"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '5', '1795307857.923716', 'run_ended', '{"status":"completed"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('5', '1', '1795307857.926394', 'run_started', '{"task":"t","mode":"react","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('5', '2', '1795307857.926394', 'run_ended', '{"status":"failed","error":{"code":"x","message":"m"}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('6', '1', '1795307857.935127', 'run_started', '{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('6', '2', '1795307857.935127', 'run_ended', '{"status":"cancelled"}');
INSERT INTO "engine".artifacts OVERRIDING SYSTEM VALUE VALUES ('\x0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d', '\x5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d', '1795307857.848573');
INSERT INTO "engine".artifact_uses OVERRIDING SYSTEM VALUE VALUES ('\x0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d', '4');
INSERT INTO "engine".drivers OVERRIDING SYSTEM VALUE VALUES ('1', 'd1', 'worker', 'h', '1', '', '', '1', '0.0', '1795307857.941701', '8.0', 'False');
INSERT INTO "engine".live OVERRIDING SYSTEM VALUE VALUES ('2', '1795307857939625', '[{"kind":"text","stream":"answer","offset":0,"text":"half an ans","generation":0}]');
INSERT INTO "engine".accounts OVERRIDING SYSTEM VALUE VALUES ('key:1', 'usd', '5000000000', '0', '0', '0', 'False', '', 'UTC', '0', '0', '0.0');
INSERT INTO "engine".notes OVERRIDING SYSTEM VALUE VALUES ('1', 'tool', 'search', 'line', '1795307857.955409');
INSERT INTO "engine".api_keys OVERRIDING SYSTEM VALUE VALUES ('1', 'k_1', '0000000000000000000000000000000000000000000000000000000000000000', '1111111111111111111111111111111111111111111111111111111111111111', '{"id":"k_1","name":"app","hash":"0000000000000000000000000000000000000000000000000000000000000000","hint":"","models":["fast"],"listeners":[],"scopes":[],"agent":null,"usd":5.0,"tokens":null,"per":"month","zone":"UTC","limits":null,"created_at":0.0,"expires_at":null,"revoked_at":null,"previous_hash":"1111111111111111111111111111111111111111111111111111111111111111","previous_until":null}');
INSERT INTO "engine".usage OVERRIDING SYSTEM VALUE VALUES ('completed', '2026-11-21', 'k_1', '', 'm', '', '', '1', '0', '0', '0', '0', '0', '0', '7', '0', '0', '0');
INSERT INTO "engine".usage_days OVERRIDING SYSTEM VALUE VALUES ('2026-11-21', 'k_1', '', 'm', '', '', '1', '0', '0', '0', '0', '0', '0', '7', '0', '0', '0');
INSERT INTO "engine".usage_batches OVERRIDING SYSTEM VALUE VALUES ('b1', '1795307857.958519');
INSERT INTO "engine".answers OVERRIDING SYSTEM VALUE VALUES ('a', '2795307857.968854', '\x7b7d');
INSERT INTO "engine".audit OVERRIDING SYSTEM VALUE VALUES ('1', '1.0', '', '{"about":"app","act":"created","at":1.0,"input":{"usd":5.0},"what":"key"}', '0bf0bf2e99ce4c5035939898e8d440f67760d9c9e87f82bcf66b167983e1658a');
