"""sla_rules."""
