-- Whether an instance may act as the only one: who joins has to know while it does.
ALTER TABLE instances ADD COLUMN alone boolean NOT NULL DEFAULT false;
