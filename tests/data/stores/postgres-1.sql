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
INSERT INTO "engine".schema_version OVERRIDING SYSTEM VALUE VALUES ('1', '1', '2026-11-21 16:15:02.778937+00:00');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('1', 'queued', '1', '1795277702.92522', '1795277702.92522', 'queued', '', '', NULL, '0.0', '0', '1', 'ann', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('2', 'running', '3', '1795277702.93522', '1795277702.93522', 'running', 'd1', '', NULL, '0.25', '1', '1', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('3', 'waiting', '3', '1795277702.938161', '1795277702.938161', 'waiting', '', 'timer', '9000000000.0', '0.0', '1', '1', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('4', 'completed', '5', '1795277702.940251', '1795277702.940251', 'completed', '', '', NULL, '0.0', '1', '1', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('5', 'failed', '2', '1795277702.941694', '1795277702.941694', 'failed', '', '', NULL, '0.0', '1', '1', '', '');
INSERT INTO "engine".runs OVERRIDING SYSTEM VALUE VALUES ('6', 'cancelled', '2', '1795277702.943689', '1795277702.943689', 'cancelled', '', '', NULL, '0.0', '1', '1', '', '');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('1', 'Ask ÄÖ', 'ask äö');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('2', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('3', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('4', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('5', 't', 't');
INSERT INTO "engine".tasks OVERRIDING SYSTEM VALUE VALUES ('6', 't', 't');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('1', '1', '1795277702.92522', 'run_started', '{"task":"Ask ÄÖ","mode":"plan","plan":{"goal":"g","steps":[{"id":"1","tool":"t","tool_input":{"q":"é"}}]},"user":"ann"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('2', '1', '1795277702.93522', 'run_started', '{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('2', '2', '1795277702.93522', 'plan_started', '{}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('2', '3', '1795277702.93522', 'model_called', '{"role":"planner","model":"m","usage":{"calls":1,"cost_usd":0.25},"parts":[{"kind":"text","text":"…"}]}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('3', '1', '1795277702.938161', 'run_started', '{"task":"t","mode":"plan"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('3', '2', '1795277702.938161', 'run_claimed', '{"driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('3', '3', '1795277702.938161', 'run_parked', '{"reason":"timer","until":9000000000.0}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '1', '1795277702.940251', 'run_started', '{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '2', '1795277702.940251', 'step_ended', '{"step_id":"1","result":{"status":"done","value":{"text":"long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long "}}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '3', '1795277702.940251', 'step_ended', '{"step_id":"2","result":{"status":"done","artifact":{"sha256":"0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d","size_bytes":180,"preview":"[…"}}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '4', '1795277702.940251', 'answer', '{"text":"42"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('4', '5', '1795277702.940251', 'run_ended', '{"status":"completed"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('5', '1', '1795277702.941694', 'run_started', '{"task":"t","mode":"react","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('5', '2', '1795277702.941694', 'run_ended', '{"status":"failed","error":{"code":"x","message":"m"}}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('6', '1', '1795277702.943689', 'run_started', '{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "engine".events OVERRIDING SYSTEM VALUE VALUES ('6', '2', '1795277702.943689', 'run_ended', '{"status":"cancelled"}');
INSERT INTO "engine".artifacts OVERRIDING SYSTEM VALUE VALUES ('\x0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d', '\x5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d5b226c61726765225d', '1795277702.922777');
INSERT INTO "engine".artifact_uses OVERRIDING SYSTEM VALUE VALUES ('\x0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d', '4');
INSERT INTO "engine".drivers OVERRIDING SYSTEM VALUE VALUES ('1', 'd1', 'worker', 'h', '1', '', '', '1', '0.0', '1795277702.947444', '8.0', 'False');
INSERT INTO "engine".live OVERRIDING SYSTEM VALUE VALUES ('2', '1795277702946307', '[{"kind":"text","stream":"answer","offset":0,"text":"half an ans","generation":0}]');
INSERT INTO "engine".accounts OVERRIDING SYSTEM VALUE VALUES ('key:1', 'usd', '5000000000', '0', '0', '0', 'False', '', 'UTC', '0');
INSERT INTO "engine".notes OVERRIDING SYSTEM VALUE VALUES ('1', 'tool', 'search', 'line', '1795277702.950914');
