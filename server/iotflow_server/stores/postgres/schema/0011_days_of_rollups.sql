-- The figures of whole days beside those of their hours, in the same row: one entry each. Rows from before have none until they
-- are computed anew; where one is read that has none, hours are.
ALTER TABLE telemetry_rollups
    ADD COLUMN day_counts bytea,
    ADD COLUMN day_sums bytea,
    ADD COLUMN day_squares bytea,
    ADD COLUMN day_odds bytea,
    ADD COLUMN day_leasts bytea,
    ADD COLUMN day_greatests bytea,
    ADD COLUMN day_firsts bytea,
    ADD COLUMN day_lasts bytea;
