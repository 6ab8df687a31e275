import pytest

pytestmark = pytest.mark.store


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/processes",
        "/api/v1/processes/requisition_to_fulfilment",
        "/api/v1/instances",
        "/api/v1/instances?object=purchase_order:po/7&facet.facility=mercy-west&status=completed&sla_state=breached&from=2026-01-01T00:00:00Z",
        "/api/v1/instances/requisition_to_fulfilment/r-1",
        "/api/v1/slas",
        "/api/v1/slas/order-creation",
        "/api/v1/slas/requisition-cycle-time/attainment?by=facility",
        "/api/v1/slas/requisition-cycle-time/verdicts",
        "/api/v1/kpis?by=facility",
        "/api/v1/kpis",
        "/api/v1/traces",
        "/api/v1/traces/" + "a" * 32,
        "/api/v1/dead-letters",
        "/api/v1/dead-letters/dl-1",
        "/api/v1/status",
        "/api/v1/openapi.json",
    ],
)
def test_smoke(client, path):
    r = client.get(path)
    print(r.text[:3000])
    assert r.status_code == 200
