-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.

-- insert_record
SELECT import.import_uploads.uploaded_by
FROM import.import_uploads
WHERE import.import_uploads.blob_name = ?;
--   'A blue suitcase' NVARCHAR
IF @@TRANCOUNT = 0 BEGIN TRANSACTION;
SAVE TRANSACTION sa_savepoint_1;
INSERT INTO import.import_records (import_id, blob_name, etag, size_bytes, kind, status, message, max_reject_share,
    csv_columns, uploaded_by, received_at, finished_at) OUTPUT inserted.sequence VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?,
    ?, ?, NULL);
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'A blue suitcase' NVARCHAR; '0x8DC' VARCHAR; 348000000;
--     'products' VARCHAR; 'received' VARCHAR; 0.5; 'asin,title,category_id' VARCHAR; 'x' VARCHAR; a time

-- read_record
SELECT import.import_records.sequence, import.import_records.import_id, import.import_records.blob_name,
    import.import_records.etag, import.import_records.size_bytes, import.import_records.kind,
    import.import_records.status, import.import_records.message, import.import_records.max_reject_share,
    import.import_records.csv_columns, import.import_records.cancel_requested, import.import_records.rows_read,
    import.import_records.rows_inserted, import.import_records.rows_updated, import.import_records.rows_unchanged,
    import.import_records.rows_superseded, import.import_records.rows_rejected, import.import_records.rows_per_second,
    import.import_records.progress, import.import_records.seconds_left, import.import_records.steps,
    import.import_records.run_id, import.import_records.uploaded_by, import.import_records.received_at,
    import.import_records.started_at, import.import_records.finished_at
FROM import.import_records
WHERE import.import_records.import_id = ?;
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- read_page, the first
SELECT TOP 21 import.import_records.sequence, import.import_records.import_id, import.import_records.blob_name,
    import.import_records.etag, import.import_records.size_bytes, import.import_records.kind,
    import.import_records.status, import.import_records.message, import.import_records.max_reject_share,
    import.import_records.csv_columns, import.import_records.cancel_requested, import.import_records.rows_read,
    import.import_records.rows_inserted, import.import_records.rows_updated, import.import_records.rows_unchanged,
    import.import_records.rows_superseded, import.import_records.rows_rejected, import.import_records.rows_per_second,
    import.import_records.progress, import.import_records.seconds_left, import.import_records.steps,
    import.import_records.run_id, import.import_records.uploaded_by, import.import_records.received_at,
    import.import_records.started_at, import.import_records.finished_at
FROM import.import_records ORDER BY import.import_records.sequence DESC;

-- read_page, a later one
SELECT TOP 21 import.import_records.sequence, import.import_records.import_id, import.import_records.blob_name,
    import.import_records.etag, import.import_records.size_bytes, import.import_records.kind,
    import.import_records.status, import.import_records.message, import.import_records.max_reject_share,
    import.import_records.csv_columns, import.import_records.cancel_requested, import.import_records.rows_read,
    import.import_records.rows_inserted, import.import_records.rows_updated, import.import_records.rows_unchanged,
    import.import_records.rows_superseded, import.import_records.rows_rejected, import.import_records.rows_per_second,
    import.import_records.progress, import.import_records.seconds_left, import.import_records.steps,
    import.import_records.run_id, import.import_records.uploaded_by, import.import_records.received_at,
    import.import_records.started_at, import.import_records.finished_at
FROM import.import_records
WHERE import.import_records.sequence < ? ORDER BY import.import_records.sequence DESC;
--   7

-- read_oldest
SELECT TOP 200 import.import_records.sequence, import.import_records.import_id, import.import_records.blob_name,
    import.import_records.etag, import.import_records.size_bytes, import.import_records.kind,
    import.import_records.status, import.import_records.message, import.import_records.max_reject_share,
    import.import_records.csv_columns, import.import_records.cancel_requested, import.import_records.rows_read,
    import.import_records.rows_inserted, import.import_records.rows_updated, import.import_records.rows_unchanged,
    import.import_records.rows_superseded, import.import_records.rows_rejected, import.import_records.rows_per_second,
    import.import_records.progress, import.import_records.seconds_left, import.import_records.steps,
    import.import_records.run_id, import.import_records.uploaded_by, import.import_records.received_at,
    import.import_records.started_at, import.import_records.finished_at
FROM import.import_records
WHERE import.import_records.sequence > ? ORDER BY import.import_records.sequence;
--   7

-- read_unfinished
SELECT TOP 200 import.import_records.sequence, import.import_records.import_id, import.import_records.blob_name,
    import.import_records.etag, import.import_records.size_bytes, import.import_records.kind,
    import.import_records.status, import.import_records.message, import.import_records.max_reject_share,
    import.import_records.csv_columns, import.import_records.cancel_requested, import.import_records.rows_read,
    import.import_records.rows_inserted, import.import_records.rows_updated, import.import_records.rows_unchanged,
    import.import_records.rows_superseded, import.import_records.rows_rejected, import.import_records.rows_per_second,
    import.import_records.progress, import.import_records.seconds_left, import.import_records.steps,
    import.import_records.run_id, import.import_records.uploaded_by, import.import_records.received_at,
    import.import_records.started_at, import.import_records.finished_at
FROM import.import_records
WHERE import.import_records.status IN (?, ?) AND import.import_records.sequence > ? ORDER BY
    import.import_records.sequence;
--   'received' VARCHAR; 'running' VARCHAR; 7

-- known_imports
SELECT import.import_records.import_id
FROM import.import_records
WHERE import.import_records.import_id IN (?);
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- finished_imports
SELECT import.import_records.import_id
FROM import.import_records
WHERE import.import_records.import_id IN (?) AND (import.import_records.status NOT IN (?, ?));
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'received' VARCHAR; 'running' VARCHAR

-- change_record, running
UPDATE import.import_records SET progress=? WHERE import.import_records.import_id = ? AND import.import_records.status
    = ? AND import.import_records.started_at = ? AND import.import_records.run_id = ?;
--   0.5; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'running' VARCHAR; a time;
--     '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- change_record, not started
UPDATE import.import_records SET message=? WHERE import.import_records.import_id = ? AND import.import_records.status
    = ? AND import.import_records.started_at IS NULL AND import.import_records.run_id IS NULL AND
    import.import_records.cancel_requested = 0;
--   'A blue suitcase' NVARCHAR; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'received' VARCHAR

-- reset_record
UPDATE import.import_records SET status=?, message=NULL, cancel_requested=?, rows_read=NULL, rows_inserted=NULL,
    rows_updated=NULL, rows_unchanged=NULL, rows_superseded=NULL, rows_rejected=NULL, rows_per_second=NULL,
    progress=?, seconds_left=NULL, steps=?, run_id=NULL, started_at=NULL WHERE import.import_records.import_id = ? AND
    import.import_records.status = ? AND import.import_records.started_at = ? AND import.import_records.run_id = ?;
--   'received' VARCHAR; 0; 0.0; '[]' NVARCHAR; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'running' VARCHAR; a
--     time; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR
DELETE FROM import.import_rejects WHERE import.import_rejects.import_id IN (?);
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- request_cancel
UPDATE import.import_records SET cancel_requested=? WHERE import.import_records.import_id = ? AND
    import.import_records.status IN (?, ?);
--   1; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'received' VARCHAR; 'running' VARCHAR

-- read_outcome
SELECT import_outcomes.import_id, import_outcomes.blob_name, import_outcomes.sequence, import_outcomes.status,
    import_outcomes.message, import_outcomes.rows_read, import_outcomes.rows_inserted, import_outcomes.rows_updated,
    import_outcomes.rows_unchanged, import_outcomes.rows_superseded, import_outcomes.rows_rejected,
    import_outcomes.merged_at
FROM import_outcomes
WHERE import_outcomes.import_id = ?;
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- insert_outcome
IF @@TRANCOUNT = 0 BEGIN TRANSACTION;
SAVE TRANSACTION sa_savepoint_1;
INSERT INTO import_outcomes (import_id, blob_name, sequence, status, message, rows_read, rows_inserted, rows_updated,
    rows_unchanged, rows_superseded, rows_rejected, merged_at) VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL,
    NULL, ?);
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; 'A blue suitcase' NVARCHAR; 7; 'failed' VARCHAR; 'A blue
--     suitcase' NVARCHAR; a time

-- delete_outcome
DELETE FROM import_outcomes WHERE import_outcomes.import_id = ? AND import_outcomes.merged_at = ? AND
    import_outcomes.status != ?;
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; a time; 'succeeded' VARCHAR

-- insert_upload
INSERT INTO import.import_uploads (blob_name, uploaded_by, created_at) VALUES (?, ?, ?);
--   'A blue suitcase' NVARCHAR; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; a time

-- read_rejects
SELECT TOP 500 import.import_rejects.row_no, import.import_rejects.reason, import.import_rejects.fields
FROM import.import_rejects
WHERE import.import_rejects.import_id = ? AND import.import_rejects.row_no > ? ORDER BY import.import_rejects.row_no;
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR; -1

-- delete_rejects
DELETE FROM import.import_rejects WHERE import.import_rejects.import_id IN (?);
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- first_staged_row
SELECT TOP 1 import.products_staging.row_no, import.products_staging.run_id
FROM import.products_staging ORDER BY import.products_staging.row_no;

-- is_run_awaited
SELECT TOP 1 import.import_records.import_id
FROM import.import_records
WHERE import.import_records.status = ? AND (import.import_records.run_id = ? OR import.import_records.run_id IS NULL);
--   'running' VARCHAR; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- delete_staged_rows
EXEC sp_getapplock @Resource = ?, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = ?;
--   'import.run.6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11'; 0
SELECT APPLOCK_MODE(N'public', ?, N'Transaction') AS lock_mode;
--   'import.run.6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11'
DELETE FROM import.products_staging WHERE import.products_staging.row_no BETWEEN ? AND ? AND
    import.products_staging.run_id = ?;
--   7; 2006; '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR

-- imports_with_rejects
SELECT import.import_records.import_id
FROM import.import_records
WHERE import.import_records.import_id IN (?) AND (EXISTS (SELECT *
FROM import.import_rejects
WHERE import.import_rejects.import_id = import.import_records.import_id));
--   '6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11' VARCHAR
