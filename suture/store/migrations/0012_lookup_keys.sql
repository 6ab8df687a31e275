-- Keys of the look-up under way; see Store.lookup.
CREATE TABLE IF NOT EXISTS lookup_keys {{on_cluster}} (key String) ENGINE = Memory;
