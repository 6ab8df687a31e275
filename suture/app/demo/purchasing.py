"""The second half of requisition to fulfilment: the order goes out, the goods come in.

From here on the systems know the purchase order, not the requisitions it serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from suture.app.demo.faults import Fault
from suture.app.demo.network import CARRIERS, Supplier
from suture.app.demo.signals import Anchor, SpanOut, SpanPoint
from suture.app.demo.spans import milliseconds
from suture.app.demo.story import Story

CONFIRMED = "net.supplierlink.order.confirmed"
QUEUE = "po.outbound"
MAPPING = "purchase-order-to-x12-850"
MAPPING_ERROR = "MappingError: no partner code for unit of measure '{unit}'"
_STEP = ("purchase_order_created", "purchase_order_sent")
_SENDING_SLA = "order-transmission"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What befalls the order from approval to the supplier's answer; all None when all is well."""

    slow_run: timedelta | None = None
    held: timedelta | None = None
    failing: timedelta | None = None
    lost: bool = False
    unanswered: timedelta | None = None
    garbled: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase order. `suffix` makes up the numbers of its shipments and receipts."""

    number: str
    suffix: str
    supplier: Supplier
    anchors: tuple[Anchor, ...]
    lines: tuple[Mapping[str, Any], ...]
    total: float
    urgent: bool
    shipments: int
    sending: Sending

    @property
    def padded(self) -> str:
        """The number as suppliers write it, padded to fourteen digits."""
        return self.number.zfill(14)


def order_goods(story: Story, order: Order, run: datetime) -> SpanOut:
    """The ERP's purchasing run, begun at `run`; returns the span that sent the order's message."""
    trace = story.trace()
    slow = order.sending.slow_run
    if slow is None and story.setup.plan.fault is None and story.setup.incidents.erp_is_slow(run):
        slow = story.minutes(150, 210)
    created = run + (slow or story.between(1.5, 12))
    business: dict[str, Any] = {
        "business.object.purchase_order": order.number,
        **story.facility_attribute(),
    }
    if len(order.anchors) == 1:
        business["business.object.requisition"] = order.anchors[0].id
    root = trace.span(
        "erp-worker", "purchasing-run", "internal", run, created + milliseconds(30),
        attributes=business,
    )  # fmt: skip
    begun = run + milliseconds(200)
    waited = [SpanPoint(name="lock wait", at=begun + milliseconds(40))] if slow else []
    trace.database(root, "INSERT", "purchase_order", begun, created, points=waited)
    message = trace.send(
        root, QUEUE, f"po-{order.number}", created + milliseconds(4), created + milliseconds(22)
    )
    if slow:
        story.suffer(
            Fault.SLOW_ERP,
            run,
            f"the purchasing run waits {slow} for a lock on purchase_order",
            sla="order-creation",
            cause="downstream",
            step=("requisition_approved", "purchase_order_created"),
        )
    _announce(story, order, created, root)
    return message


def _announce(story: Story, order: Order, created: datetime, span: SpanOut) -> None:
    data = {
        "poNumber": order.number,
        "plant": story.facility.name,
        "vendor": {"id": order.supplier.network_id, "name": order.supplier.name},
        "lines": list(order.lines),
        "totals": {"net": order.total, "currency": "USD"},
    }
    story.foreign(created, "com.mercy.erp.purchase_order.created", 1, "erp", data, span=span)
    story.note(order.anchors, "purchase_order_created", created)


def fulfil(story: Story, order: Order, message: SpanOut) -> None:
    """Everything after the order's message was sent; nothing, if the message is lost."""
    if order.sending.lost:
        story.suffer(
            Fault.LOST_MESSAGE,
            message.end,
            f"message po-{order.number} vanishes from {QUEUE}",
            sla=_SENDING_SLA,
            cause="unobserved",
            step=_STEP,
        )
        return
    taken = _wait_in_queue(story, order, message)
    sent = _transmit(story, order, message, taken)
    confirmed = _wait_for_answer(story, order, sent)
    _confirm(story, order, confirmed)
    shipped = confirmed
    for part in range(1, order.shipments + 1):
        shipped += _until_shipped(story, order, part)
        shipment = f"ASN-{order.suffix}-{part}"
        _ship(story, order, shipment, shipped, final=part == order.shipments)
        # The last shipment arrives last: parts that leave first never take as long.
        longest = 13 if part == order.shipments else 4
        received = shipped + (story.minutes(20, 70) if order.urgent else story.hours(3, longest))
        _receive(story, order, shipment, part, received)


def _wait_for_answer(story: Story, order: Order, sent: datetime) -> datetime:
    """When the supplier confirms."""
    unanswered = order.sending.unanswered
    if unanswered is None:
        return sent + (story.minutes(2, 10) if order.urgent else story.minutes(10, 150))
    story.suffer(
        Fault.SLOW_SUPPLIER,
        sent,
        f"{order.supplier.name} confirms the order {unanswered} after it was sent",
        sla="order-confirmation",
        cause="external",
        step=("purchase_order_sent", "order_confirmed"),
    )
    return sent + unanswered


def _until_shipped(story: Story, order: Order, part: int) -> timedelta:
    if order.urgent:
        return story.minutes(10, 40)
    return story.hours(1, 9) if part == 1 else story.hours(2, 5)


def _wait_in_queue(story: Story, order: Order, message: SpanOut) -> datetime:
    """When the dispatcher takes the message."""
    held = order.sending.held
    reason = "its consumer died holding the message"
    if held is None and story.injury is None and story.setup.plan.fault is None:
        held = story.setup.incidents.queue_hold(QUEUE, message.end, story.facility.name)
        reason = "no consumer runs"
    usual = story.between(1, 12) if order.urgent else story.between(2, 150)
    if held is None:
        return message.end + usual
    story.suffer(
        Fault.STUCK_QUEUE,
        message.end,
        f"message po-{order.number} waits {held} in {QUEUE}: {reason}",
        sla=_SENDING_SLA,
        cause="transport",
        step=_STEP,
    )
    return message.end + held + story.between(1, 60)


def _transmit(story: Story, order: Order, message: SpanOut, taken: datetime) -> datetime:
    """The dispatcher maps the order to the supplier's format and sends it; returns when."""
    if order.sending.failing:
        taken = _fail_to_map(story, order, message, taken, order.sending.failing)
    trace = story.trace()
    took = milliseconds(story.rng.uniform(420, 1500))
    end = taken + took
    business: dict[str, Any] = {
        "business.object.purchase_order": order.number,
        **story.facility_attribute(),
    }
    attempt = 1 if order.sending.failing is None else 2
    received = trace.consume("mw-dispatch", "receive", QUEUE, message, taken, end)
    process = trace.consume(
        "mw-dispatch", "process", QUEUE, message, taken + took / 20, end,
        parent=received, business=business, attempt=attempt,
    )  # fmt: skip
    trace.transform(process, MAPPING, taken + took / 10, taken + took / 3, attempt=attempt)
    sent = {
        "business.milestone": "purchase_order_sent",
        "business.attr.supplier": order.supplier.name,
        **business,
    }
    trace.http_call(
        process, "supplier-gateway", "/orders", taken + took * 0.4, end - took / 20, business=sent
    )
    at = end - took / 20
    story.note(order.anchors, "purchase_order_sent", at)
    return at


def _fail_to_map(
    story: Story, order: Order, message: SpanOut, taken: datetime, failing: timedelta
) -> datetime:
    """The mapping fails and is retried, each time after twice the pause, until it is corrected."""
    error = MAPPING_ERROR.format(unit=order.lines[0]["unit"])
    corrected = taken + failing
    pause, at, attempt = timedelta(minutes=1), taken, 0
    while at < corrected:
        attempt += 1
        trace = story.trace()
        end = at + milliseconds(story.rng.uniform(120, 400))
        process = trace.consume(
            "mw-dispatch", "process", QUEUE, message, at, end,
            business={"business.object.purchase_order": order.number},
            attempt=attempt, error=error,
        )  # fmt: skip
        trace.transform(
            process, MAPPING, at + milliseconds(15), end - milliseconds(10),
            attempt=attempt, error=error,
        )  # fmt: skip
        at = end + pause
        pause *= 2
    story.suffer(
        Fault.MAPPING_ERROR,
        taken,
        f"{error}; {attempt} attempts fail before the mapping is corrected",
        sla=_SENDING_SLA,
        cause="transformation",
        step=_STEP,
    )
    return at


def _confirm(story: Story, order: Order, at: datetime) -> None:
    """The supplier acknowledges the order in its own format and with its own number."""
    trace = story.trace()
    start = at - milliseconds(story.rng.uniform(160, 420))
    business: dict[str, Any] = {"business.object.purchase_order": order.padded}
    root = trace.span(
        "supplier-gateway", "order acknowledgement", "internal", start, at, attributes=business
    )
    trace.http_call(
        root, "mw-intake", "/intake/order-acknowledgements",
        start + milliseconds(20), at - milliseconds(10),
    )  # fmt: skip
    data = {
        "customerOrderNumber": order.padded,
        "sellerOrderNumber": f"SO-{story.rng.randrange(10**7):07d}",
        "seller": _seller(order),
        "acknowledgement": "ACCEPTED",
        "promisedDelivery": (at + timedelta(days=1)).date().isoformat(),
    }
    if order.sending.garbled:
        _garble(story, data, at - order.sending.garbled, root)
    story.foreign(at, CONFIRMED, 1, "supplier-network", data, span=root)
    story.note(order.anchors, "order_confirmed", at)


def _garble(story: Story, data: Mapping[str, Any], at: datetime, span: SpanOut) -> None:
    """What the supplier sent first breaks the contract: it is refused, then put right."""
    wrong = {name: value for name, value in data.items() if name != "promisedDelivery"}
    wrong["acknowledgement"] = "OK"
    story.foreign(at, CONFIRMED, 1, "supplier-network", wrong, span=span, valid=False)
    story.suffer(
        Fault.MALFORMED_EVENT,
        at,
        "an order acknowledgement without a promised delivery, with the unknown word 'OK',"
        " is refused and sent again as it should be",
    )


def _ship(story: Story, order: Order, shipment: str, at: datetime, *, final: bool) -> None:
    """The supplier announces a shipment, in lower case, as its warehouse prints it."""
    root = story.trace().span(
        "supplier-gateway", "shipping notice", "internal", at - milliseconds(90), at,
        attributes={
            "business.object.purchase_order": order.padded,
            "business.object.shipment": shipment.lower(),
        },
    )  # fmt: skip
    data = {
        "customerOrderNumber": order.padded,
        "seller": _seller(order),
        "asn": {
            "number": shipment.lower(),
            "carrier": story.rng.choice(CARRIERS),
            "packages": story.rng.randint(1, 6),
            "final": final,
        },
    }
    story.foreign(
        at, "net.supplierlink.shipment.dispatched", 1, "supplier-network", data, span=root
    )
    story.note(order.anchors, "goods_shipped", at)


def _receive(story: Story, order: Order, shipment: str, part: int, at: datetime) -> None:
    """The dock books a receipt; the last one closes the order. Analytics hears of each."""
    milestone = "goods_received" if part == order.shipments else "goods_partially_received"
    receipt = f"50{order.number[2:]}{part}"
    objects = [("goods_receipt", receipt), ("shipment", shipment)]
    if story.facility.name != "mercy-east":  # the scanners there read the shipment's label only
        objects.append(("purchase_order", order.number))
    trace = story.trace()
    start = at - milliseconds(story.rng.uniform(120, 400))
    business: dict[str, Any] = {f"business.object.{type_}": id_ for type_, id_ in objects}
    business |= story.facility_attribute()
    # The ERP at mercy-west reports receipts as events; elsewhere they ride on its spans.
    by_event = story.facility.name == "mercy-west"
    point = SpanPoint(
        name="goods receipt posted", at=at, attributes={"business.milestone": milestone, **business}
    )
    root = trace.server(
        "erp-api", "POST", "/goods-receipts", start, at + milliseconds(25),
        status=201, business=business, points=() if by_event else (point,),
    )  # fmt: skip
    trace.database(root, "INSERT", "goods_receipt", start + milliseconds(15), at - milliseconds(5))
    message = trace.send(
        root, "receipt.events", f"gr-{receipt}", at + milliseconds(2), at + milliseconds(12)
    )
    loaded = message.end + story.between(1, 20)
    trace.consume(
        "analytics-loader", "process", "receipt.events", message, loaded, loaded + milliseconds(90),
        parent=message,
    )  # fmt: skip
    if by_event:
        story.native(at, milestone, "erp", objects, {}, span=root)
    story.note(order.anchors, milestone, at)


def _seller(order: Order) -> dict[str, Any]:
    return {"networkId": order.supplier.network_id, "displayName": order.supplier.name}
