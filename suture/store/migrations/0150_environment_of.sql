-- The environment that resource attributes name; the newer of the two attribute names goes first.
CREATE FUNCTION IF NOT EXISTS suture_environment {{on_cluster}} AS (attributes) -> multiIf(
    attributes['deployment.environment.name'] != '', attributes['deployment.environment.name'],
    attributes['deployment.environment'] != '', attributes['deployment.environment'],
    'production');
