"""The simulated enterprise: hospitals, services, suppliers, and the terms it promised itself.

The names here are those of the shipped configuration (`deploy/config/healthcare`); a test holds
the two together.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

ENVIRONMENT = "production"
SUPPLY = "requisition_to_fulfilment"
STAFFING = "procedure_schedule_to_staffing"

Door = Literal["grpc", "http"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One deployable service: its OpenTelemetry resource, and the OTLP door it exports through."""

    name: str
    system: str
    door: Door
    version: str
    port: int
    gzip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """One hospital: `code` stands in its document numbers."""

    name: str
    code: str
    departments: tuple[str, ...]
    theatres: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A trading partner on the supplier network."""

    name: str
    network_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something departments order, with its unit of measure and price per unit."""

    material: str
    unit: str
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One promise, as its SLA file states it; `start` None means from start to completion."""

    sla: str
    process: str
    start: str | None
    stop: str | None
    within: timedelta
    urgent: timedelta | None = None


_FLEET: tuple[tuple[str, str, Door, str, int], ...] = (
    ("supply-portal", "clinical-support", "http", "5.2.1", 8443),
    ("erp-api", "erp", "grpc", "2026.2", 8000),
    ("erp-worker", "erp", "grpc", "2026.2", 8001),
    ("mw-intake", "middleware", "grpc", "3.8.0", 8080),
    ("mw-dispatch", "middleware", "grpc", "3.8.0", 8081),
    ("supplier-gateway", "supplier-network", "http", "1.14.2", 443),
    ("or-scheduling", "perioperative", "http", "11.4", 8443),
    ("roster-api", "workforce", "http", "7.0.3", 8443),
    ("staff-notifier", "workforce", "http", "7.0.3", 8444),
    ("analytics-loader", "analytics", "grpc", "0.9.6", 9000),
)
_COMPRESSING = ("supplier-gateway", "roster-api")

SERVICES = {
    name: Service(
        name=name,
        system=system,
        door=door,
        version=version,
        port=port,
        gzip=name in _COMPRESSING,
    )
    for name, system, door, version, port in _FLEET
}

FACILITIES = (
    Facility(
        name="mercy-west",
        code="W",
        departments=("OR-1", "OR-2", "OR-3", "ICU-1", "ED", "CSSD"),
        theatres=("OR-1", "OR-2", "OR-3"),
    ),
    Facility(
        name="mercy-east",
        code="E",
        departments=("OR-1", "OR-2", "ICU-1", "ED", "CARDIO"),
        theatres=("OR-1", "OR-2"),
    ),
    Facility(
        name="mercy-north",
        code="N",
        departments=("OR-1", "OR-2", "ED", "MATERNITY"),
        theatres=("OR-1", "OR-2"),
    ),
)

SUPPLIERS = (
    Supplier(name="Meridian Medical Supply", network_id="SN-20417"),
    Supplier(name="Northfield Surgical", network_id="SN-11830"),
    Supplier(name="Harbor Clinical Distribution", network_id="SN-30952"),
    Supplier(name="Allegheny Instruments", network_id="SN-27706"),
)

ITEMS = (
    Item(material="Suture, absorbable 3-0", unit="BX", price=84.5),
    Item(material="Surgical gloves 7.5, sterile", unit="CS", price=142.0),
    Item(material="Trocar 12 mm", unit="EA", price=38.9),
    Item(material="Infusion set, filtered", unit="BX", price=61.2),
    Item(material="Wound drain kit", unit="EA", price=27.75),
    Item(material="Hip stem, cementless", unit="EA", price=1890.0),
    Item(material="Drape pack, universal", unit="CS", price=208.0),
    Item(material="Contrast medium 100 ml", unit="CS", price=455.0),
    Item(material="ECG electrodes", unit="BX", price=19.4),
    Item(material="Chlorhexidine 2 %", unit="CS", price=96.0),
)

SERVICE_LINES = ("orthopaedics", "general-surgery", "cardiac", "gynaecology", "urology")
TEAM_ROLES = ("circulating-nurse", "scrub-technician", "anaesthesia-technician")
CARRIERS = ("Tri-State Freight", "Metro Medical Courier", "Lakeside Parcel")

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)

TERMS = (
    Term(sla="requisition-cycle-time", process=SUPPLY, start="requisition_created",
         stop="goods_received", within=72 * _HOUR, urgent=8 * _HOUR),
    Term(sla="requisition-approval", process=SUPPLY, start="requisition_created",
         stop="requisition_approved", within=6 * _HOUR, urgent=_HOUR),
    Term(sla="order-creation", process=SUPPLY, start="requisition_approved",
         stop="purchase_order_created", within=2 * _HOUR),
    Term(sla="order-transmission", process=SUPPLY, start="purchase_order_created",
         stop="purchase_order_sent", within=30 * _MINUTE),
    Term(sla="order-confirmation", process=SUPPLY, start="purchase_order_sent",
         stop="order_confirmed", within=8 * _HOUR),
    Term(sla="requisition-completion", process=SUPPLY, start=None, stop=None, within=96 * _HOUR),
    Term(sla="schedule-to-staffing-sync", process=STAFFING, start="procedure_scheduled",
         stop="roster_updated", within=30 * _MINUTE),
    Term(sla="reschedule-sync", process=STAFFING, start="procedure_rescheduled",
         stop="roster_updated", within=30 * _MINUTE),
    Term(sla="staff-assignment", process=STAFFING, start="roster_updated",
         stop="staff_assigned", within=4 * _HOUR),
    Term(sla="staff-notification", process=STAFFING, start="staff_assigned",
         stop="staff_notified", within=20 * _MINUTE),
    Term(sla="staffing-completion", process=STAFFING, start=None, stop=None, within=12 * _HOUR),
)  # fmt: skip

STARTS_WITH = {SUPPLY: "requisition_created", STAFFING: "procedure_scheduled"}
COMPLETES_WITH = {SUPPLY: "goods_received", STAFFING: "staff_notified"}
ENDS_WITH = {SUPPLY: "requisition_cancelled", STAFFING: "procedure_cancelled"}

HEARTBEAT_EVERY = 25 * _MINUTE
"""How often an idle service shows a sign of life; the declared heartbeat is one hour."""
