PRAGMA application_id = 1347174734;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE accounts (
    scope TEXT NOT NULL,
    measure TEXT NOT NULL,
    cap TEXT,
    kept TEXT NOT NULL,
    spent TEXT NOT NULL,
    reserved TEXT NOT NULL,
    warned INTEGER NOT NULL,
    period TEXT NOT NULL,
    zone TEXT NOT NULL,
    began INTEGER NOT NULL, extra TEXT NOT NULL DEFAULT '0', paused REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, measure)
) WITHOUT ROWID;
INSERT INTO "accounts" VALUES('key:1','usd','5000000000','0','0','0',0,'','UTC',0,'0',0.0);
CREATE TABLE answers (key TEXT PRIMARY KEY, until REAL NOT NULL, answer BLOB NOT NULL);
INSERT INTO "answers" VALUES('a',2.79530785239959239955e+09,X'7B7D');
CREATE TABLE api_keys (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT,
    body TEXT NOT NULL
);
INSERT INTO "api_keys" VALUES(1,'k_1','0000000000000000000000000000000000000000000000000000000000000000','1111111111111111111111111111111111111111111111111111111111111111','{"id":"k_1","name":"app","hash":"0000000000000000000000000000000000000000000000000000000000000000","hint":"","models":["fast"],"listeners":[],"scopes":[],"agent":null,"usd":5.0,"tokens":null,"per":"month","zone":"UTC","limits":null,"created_at":0.0,"expires_at":null,"revoked_at":null,"previous_hash":"1111111111111111111111111111111111111111111111111111111111111111","previous_until":null}');
CREATE TABLE artifact_uses (n INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (n, sha256)) WITHOUT ROWID;
INSERT INTO "artifact_uses" VALUES(4,'0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d');
CREATE TABLE artifacts (
    sha256 TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    held INTEGER NOT NULL,
    held_at REAL NOT NULL,
    data BLOB
);
INSERT INTO "artifacts" VALUES('0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d',180,0,1.79530785231939554215e+09,X'5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D5B226C61726765225D');
CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    run_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    body NOT NULL,
    head TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1.0,'',73,'{"about":"app","act":"created","at":1.0,"input":{"usd":5.0},"what":"key"}','0bf0bf2e99ce4c5035939898e8d440f67760d9c9e87f82bcf66b167983e1658a');
CREATE TABLE audit_anchor (n INTEGER NOT NULL, head TEXT NOT NULL);
CREATE TABLE drivers (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    beat_at REAL NOT NULL
);
INSERT INTO "drivers" VALUES(1,'d1','{"id":"d1","kind":"worker","host":"h","pid":1,"boot_id":"","version":"","format":1,"started_at":0.0,"beat_at":0.0,"timeout_s":8.0,"draining":false}',1.79530785237614893918e+09);
CREATE TABLE events (place INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body NOT NULL);
INSERT INTO "events" VALUES(2147483649,1.79530785232411956792e+09,'run_started','{"task":"Ask ÄÖ","mode":"plan","plan":{"goal":"g","steps":[{"id":"1","tool":"t","tool_input":{"q":"é"}}]},"user":"ann"}');
INSERT INTO "events" VALUES(4294967297,1.79530785233590078355e+09,'run_started','{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "events" VALUES(4294967298,1.79530785233590078355e+09,'plan_started','{}');
INSERT INTO "events" VALUES(4294967299,1.79530785233590078355e+09,'model_called','{"role":"planner","model":"m","parts":[{"kind":"text","text":"…","refusal":false,"annotations":[],"cache":""}],"usage":{"calls":1,"input_tokens":0,"cached_tokens":0,"cache_write_tokens":0,"cache_write_1h_tokens":0,"output_tokens":0,"reasoning_tokens":0,"cost_usd":0.25}}');
INSERT INTO "events" VALUES(6442450945,1.79530785234369683264e+09,'run_started','{"task":"t","mode":"plan"}');
INSERT INTO "events" VALUES(6442450946,1.79530785234369683264e+09,'run_claimed','{"driver":"d1"}');
INSERT INTO "events" VALUES(6442450947,1.79530785234369683264e+09,'run_parked','{"reason":"timer","until":9000000000.0}');
INSERT INTO "events" VALUES(8589934593,1.79530785235172104835e+09,'run_started','{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "events" VALUES(8589934594,1.79530785235172104835e+09,'step_ended',X'7801AB562A2E492D88CF4C51B2523254D2512A4A2D2ECD2951B2AA068A27969416038553F2F3528132658939A5A9208992D40AA002A59CFCBC74855162340C46D3C16836182D0A464BC2D19270B4241C2D09875449A8545B5B0B0066389ED4');
INSERT INTO "events" VALUES(8589934595,1.79530785235172104835e+09,'step_ended','{"step_id":"2","result":{"status":"done","artifact":{"sha256":"0461030b4ae8125b628d61a3eb32c1876c066b0b50df60689b06db2e31748b3d","size_bytes":180,"preview":"[…"}}}');
INSERT INTO "events" VALUES(8589934596,1.79530785235172104835e+09,'answer','{"text":"42"}');
INSERT INTO "events" VALUES(8589934597,1.79530785235172104835e+09,'run_ended','{"status":"completed"}');
INSERT INTO "events" VALUES(10737418241,1.7953078523596675396e+09,'run_started','{"task":"t","mode":"react","driver":"d1"}');
INSERT INTO "events" VALUES(10737418242,1.7953078523596675396e+09,'run_ended','{"status":"failed","error":{"code":"x","message":"m"}}');
INSERT INTO "events" VALUES(12884901889,1.79530785236762309075e+09,'run_started','{"task":"t","mode":"plan","driver":"d1"}');
INSERT INTO "events" VALUES(12884901890,1.79530785236762309075e+09,'run_ended','{"status":"cancelled"}');
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE live (place INTEGER PRIMARY KEY, body TEXT NOT NULL);
INSERT INTO "live" VALUES(4294967297,'[{"kind":"text","stream":"answer","offset":0,"text":"half an ans","generation":0}]');
CREATE TABLE notes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    line TEXT NOT NULL,
    at REAL NOT NULL
);
INSERT INTO "notes" VALUES(1,'tool','search','line',1.79530785238347125052e+09);
CREATE TABLE reservations (
    id TEXT NOT NULL,
    scope TEXT NOT NULL,
    measure TEXT NOT NULL,
    amount TEXT NOT NULL,
    began INTEGER NOT NULL,
    charged INTEGER NOT NULL,
    owner TEXT NOT NULL,
    expires REAL,
    PRIMARY KEY (id, scope, measure)
) WITHOUT ROWID;
CREATE TABLE runs (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL,
    status TEXT NOT NULL,
    task TEXT NOT NULL,
    user TEXT NOT NULL,
    started_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    cost_usd REAL,
    driver TEXT NOT NULL,
    claims INTEGER NOT NULL,
    waits_for TEXT NOT NULL,
    until REAL,
    format INTEGER NOT NULL,
    forked_from TEXT NOT NULL,
    moved INTEGER NOT NULL
, assistant TEXT NOT NULL DEFAULT '');
INSERT INTO "runs" VALUES(1,'queued',1,'queued','Ask ÄÖ','ann',1.79530785232411956792e+09,1.79530785232411956792e+09,0.0,'',0,'',NULL,1,'',1,'');
INSERT INTO "runs" VALUES(2,'running',3,'running','t','',1.79530785233590078355e+09,1.79530785233590078355e+09,0.25,'d1',1,'',NULL,1,'',7,'');
INSERT INTO "runs" VALUES(3,'waiting',3,'waiting','t','',1.79530785234369683264e+09,1.79530785234369683264e+09,0.0,'',1,'timer',9000000000.0,1,'',3,'');
INSERT INTO "runs" VALUES(4,'completed',5,'completed','t','',1.79530785235172104835e+09,1.79530785235172104835e+09,0.0,'',1,'',NULL,1,'',4,'');
INSERT INTO "runs" VALUES(5,'failed',2,'failed','t','',1.7953078523596675396e+09,1.7953078523596675396e+09,0.0,'',1,'',NULL,1,'',5,'');
INSERT INTO "runs" VALUES(6,'cancelled',2,'cancelled','t','',1.79530785236762309075e+09,1.79530785236762309075e+09,0.0,'',1,'',NULL,1,'',6,'');
CREATE TABLE usage (
    run_id TEXT NOT NULL,
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
    role TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    failed_calls INTEGER NOT NULL,
    cached_answers INTEGER NOT NULL,
    PRIMARY KEY (run_id, day, key, provider, model, agent, role)
) WITHOUT ROWID;
INSERT INTO "usage" VALUES('completed','2026-11-21','k_1','','m','','',1,0,0,0,0,0,0,7,0,0,0);
CREATE TABLE usage_batches (name TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "usage_batches" VALUES('b1',1.79530785239139842983e+09);
CREATE TABLE usage_days (
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
    role TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    failed_calls INTEGER NOT NULL,
    cached_answers INTEGER NOT NULL,
    PRIMARY KEY (day, key, provider, model, agent, role)
) WITHOUT ROWID;
INSERT INTO "usage_days" VALUES('2026-11-21','k_1','','m','','',1,0,0,0,0,0,0,7,0,0,0);
CREATE INDEX runs_by_status ON runs (status, until);
CREATE INDEX runs_by_driver ON runs (driver) WHERE driver <> '';
CREATE INDEX runs_by_move ON runs (moved);
CREATE INDEX artifact_uses_by_content ON artifact_uses (sha256);
CREATE INDEX notes_by_key ON notes (kind, key, position);
CREATE INDEX api_keys_by_previous ON api_keys (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX usage_by_day ON usage (day);
CREATE INDEX usage_batches_by_age ON usage_batches (at);
CREATE INDEX answers_by_age ON answers (until);
CREATE INDEX audit_by_run ON audit (run_id);
CREATE INDEX audit_by_time ON audit (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',6);
INSERT INTO "sqlite_sequence" VALUES('drivers',1);
INSERT INTO "sqlite_sequence" VALUES('notes',1);
INSERT INTO "sqlite_sequence" VALUES('api_keys',1);
COMMIT;
