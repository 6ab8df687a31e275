"""Requisition to fulfilment: how a department's request becomes goods on its shelf.

A pure function of chance: it decides all times first, then tells them to a `Story` step by step.
One case is one purchase order with the one to four requisitions that it serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from suture.app.demo.faults import Fault
from suture.app.demo.network import FACILITIES, ITEMS, SUPPLIERS, SUPPLY, Item, Supplier
from suture.app.demo.purchasing import Order, Sending, fulfil, order_goods
from suture.app.demo.signals import Anchor, Case, SpanPoint
from suture.app.demo.spans import milliseconds
from suture.app.demo.story import Setup, Story

REJECTIONS = (
    "cost centre is over budget",
    "quantity exceeds par level",
    "contract item is available, use the catalogue number",
    "clinical justification is missing",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Requisition:
    """One requisition: what is asked for, and when it is asked for, entered and approved."""

    id: str
    supply_request: str
    department: str
    item: Item
    quantity: int
    priority: str
    requested: datetime
    created: datetime
    approved: datetime

    @property
    def anchor(self) -> Anchor:
        return Anchor(type="requisition", id=self.id)

    @property
    def amount(self) -> float:
        return round(self.item.price * self.quantity, 2)


def requisition_case(setup: Setup) -> Case:
    """The case that begins at `setup.start`; raises Unclear where it proves nothing."""
    facility = setup.rng.choices(FACILITIES, weights=(45, 33, 22))[0]
    story = Story(setup, SUPPLY, facility)
    alone = setup.plan.fault is Fault.REJECTED_APPROVAL
    size = 1 if alone else story.rng.choices((1, 2, 3, 4), weights=(64, 22, 10, 4))[0]
    urgent = size == 1 and story.rng.random() < 0.18
    if size == 1 and setup.plan.fault is None and story.rng.random() < 0.03:
        return _cancelled_case(story)
    requisitions, due = _draw_requisitions(story, size, urgent=urgent)
    for requisition in requisitions:
        _request(story, requisition)
        _create(story, requisition)
    if setup.plan.fault is Fault.REJECTED_APPROVAL:
        requisitions, due = _rejected_first(story, requisitions[0], due, urgent=urgent)
    for requisition in requisitions:
        _decide(story, requisition, requisition.approved)
    anchors = [requisition.anchor for requisition in requisitions]
    order = _draw_order(story, requisitions, urgent=urgent)
    message = order_goods(story, order, due)
    fulfil(story, order, message)
    return story.finish(anchors, urgent=urgent)


def _draw_requisitions(
    story: Story, size: int, *, urgent: bool
) -> tuple[list[_Requisition], datetime]:
    """The requisitions of one order, and when the purchasing run picks them up.

    Times are drawn backwards from the run, so that no approval waits long for the others.
    """
    run = story.setup.start
    drawn = []
    for _ in range(size):
        approved = run - (story.minutes(1, 4) if urgent else story.minutes(5, 50))
        created = approved - (story.minutes(1, 8) if urgent else story.minutes(15, 150))
        drawn.append((created - story.minutes(1, 4), created, approved))
    shift = story.setup.start - min(requested for requested, _, _ in drawn)
    priority = "urgent" if urgent else "routine"
    requisitions = []
    for index, (requested, created, approved) in enumerate(sorted(drawn)):
        number = story.setup.number * 4 + index
        item = story.rng.choice(ITEMS)
        requisitions.append(
            _Requisition(
                id=f"R-{story.setup.run.code}-{number:05d}",
                supply_request=f"SR-{story.facility.code}{story.setup.run.code}-{number:05d}",
                department=story.rng.choice(story.facility.departments),
                item=item,
                quantity=story.rng.randint(1, 3 if item.price > 1000 else 24),
                priority=priority,
                requested=requested + shift,
                created=created + shift,
                approved=approved + shift,
            )
        )
    return requisitions, run + shift


def _draw_order(story: Story, requisitions: Sequence[_Requisition], *, urgent: bool) -> Order:
    setup = story.setup
    supplier: Supplier = story.rng.choice(SUPPLIERS)
    return Order(
        number=f"45{setup.run.number:05d}{setup.number:06d}",
        suffix=f"{setup.run.code}-{setup.number:05d}",
        supplier=supplier,
        anchors=tuple(requisition.anchor for requisition in requisitions),
        lines=tuple(
            {
                "line": 10 * position,
                "requisitionId": requisition.id,
                "material": requisition.item.material,
                "quantity": requisition.quantity,
                "unit": requisition.item.unit,
            }
            for position, requisition in enumerate(requisitions, start=1)
        ),
        total=round(sum(requisition.amount for requisition in requisitions), 2),
        urgent=urgent,
        shipments=1 if urgent or story.rng.random() < 0.8 else 2,
        sending=_draw_sending(story),
    )


def _draw_sending(story: Story) -> Sending:
    """What happens to the order on its way out, and to the answer."""
    fault = story.setup.plan.fault
    return Sending(
        slow_run=story.minutes(150, 210) if fault is Fault.SLOW_ERP else None,
        held=story.minutes(45, 130) if fault is Fault.STUCK_QUEUE else None,
        failing=story.minutes(50, 110) if fault is Fault.MAPPING_ERROR else None,
        lost=fault is Fault.LOST_MESSAGE,
        unanswered=story.hours(9, 14) if fault is Fault.SLOW_SUPPLIER else None,
        garbled=story.between(15, 100) if fault is Fault.MALFORMED_EVENT else None,
    )


def _request(story: Story, requisition: _Requisition) -> None:
    """A nurse asks for supplies in the portal: the milestone rides on the server's span."""
    trace = story.trace()
    start = requisition.requested - milliseconds(story.rng.uniform(60, 180))
    asked = {
        "business.milestone": "supply_requested",
        "business.object.supply_request": requisition.supply_request,
        "business.attr.department": requisition.department,
        **story.facility_attribute(),
    }
    end = requisition.requested + milliseconds(15)
    point = SpanPoint(name="supply requested", at=requisition.requested, attributes=asked)
    root = trace.server(
        "supply-portal", "POST", "/supply-requests", start, end,
        status=201, business=story.facility_attribute(), points=[point],
    )  # fmt: skip
    trace.database(
        root, "INSERT", "supply_request", start + milliseconds(12), requisition.requested
    )


def _create(story: Story, requisition: _Requisition) -> None:
    """The portal turns the request into a requisition and books it in the ERP."""
    trace = story.trace()
    end = requisition.created
    start = end - milliseconds(story.rng.uniform(220, 900))
    business = {
        "business.object.requisition": requisition.id,
        "business.object.supply_request": requisition.supply_request,
        **story.facility_attribute(),
    }
    step = (end - start) / 20
    root = trace.span(
        "supply-portal", "submit requisition", "internal", start, end, attributes=business
    )
    intake = trace.http_call(
        root, "mw-intake", "/intake/requisitions", start + step, end - step, status=201
    )
    trace.transform(intake, "requisition-to-erp", intake.start + step, intake.start + 4 * step)
    trace.rpc_call(
        intake, "erp-api", "mercy.erp.v1.Requisitions", "Create",
        intake.start + 5 * step, intake.end - step,
        business={"business.object.requisition": requisition.id},
    )  # fmt: skip
    # The portal at mercy-east sends its numbers as its screens show them.
    shown = requisition.id.lower() if story.facility.name == "mercy-east" else requisition.id
    story.native(
        requisition.created,
        "requisition_created",
        "clinical-support",
        [("requisition", shown), ("supply_request", requisition.supply_request)],
        {
            "department": requisition.department,
            "priority": requisition.priority,
            "amount": requisition.amount,
            "material": requisition.item.material,
        },
        span=root,
    )
    story.note([requisition.anchor], "requisition_created", requisition.created)


def _decide(story: Story, requisition: _Requisition, at: datetime, *, reason: str = "") -> None:
    """A manager approves in the ERP, or rejects with a reason."""
    outcome = "rejected" if reason else "ok"
    trace = story.trace()
    business = {"business.object.requisition": requisition.id, **story.facility_attribute()}
    if reason:
        business |= {"business.outcome": "rejected", "business.reason": reason}
    start = at - milliseconds(story.rng.uniform(80, 240))
    root = trace.server(
        "erp-api", "POST", "/requisitions/{id}/decision", start, at, business=business
    )
    trace.database(
        root, "UPDATE", "purchase_requisition", start + milliseconds(20), at - milliseconds(10)
    )
    story.native(
        at,
        "requisition_approved",
        "erp",
        [("requisition", requisition.id)],
        {"department": requisition.department},
        span=root,
        outcome=outcome,
        reason=reason,
    )
    story.note([requisition.anchor], "requisition_approved", at, outcome)


def _rejected_first(
    story: Story, requisition: _Requisition, run: datetime, *, urgent: bool
) -> tuple[list[_Requisition], datetime]:
    """The first decision is no; the department corrects and resubmits, in minutes or in hours."""
    reason = story.rng.choice(REJECTIONS)
    rejected = requisition.approved
    rework = _rework(story, urgent=urgent)
    resubmitted = rejected + rework
    approved = resubmitted + (story.minutes(1, 5) if urgent else story.minutes(15, 60))
    _decide(story, requisition, rejected, reason=reason)
    trace = story.trace()
    root = trace.server(
        "supply-portal", "PUT", "/requisitions/{id}", resubmitted - milliseconds(140), resubmitted,
        business={"business.object.requisition": requisition.id, **story.facility_attribute()},
    )  # fmt: skip
    story.native(
        resubmitted,
        "requisition_resubmitted",
        "clinical-support",
        [("requisition", requisition.id)],
        {"department": requisition.department},
        span=root,
    )
    story.note([requisition.anchor], "requisition_resubmitted", resubmitted)
    story.suffer(
        Fault.REJECTED_APPROVAL,
        rejected,
        f"rejected: {reason}; resubmitted {rework} later",
        sla="requisition-approval",
        cause="business_rule",
        step=("requisition_approved", "requisition_resubmitted"),
    )
    again = _Requisition(
        id=requisition.id,
        supply_request=requisition.supply_request,
        department=requisition.department,
        item=requisition.item,
        quantity=requisition.quantity,
        priority=requisition.priority,
        requested=requisition.requested,
        created=requisition.created,
        approved=approved,
    )
    return [again], approved + (run - requisition.approved)


def _rework(story: Story, *, urgent: bool) -> timedelta:
    if story.setup.plan.minor:
        return story.minutes(8, 20) if urgent else story.minutes(20, 50)
    if urgent:
        return story.minutes(90, 150)
    if story.rng.random() < 0.12:
        return story.hours(104, 110)  # sent back over a long weekend
    return story.hours(7, 11)


def _cancelled_case(story: Story) -> Case:
    """The department changes its mind before anybody has decided."""
    requisitions, _ = _draw_requisitions(story, 1, urgent=False)
    requisition = requisitions[0]
    _request(story, requisition)
    _create(story, requisition)
    at = requisition.created + story.minutes(5, 14)
    trace = story.trace()
    root = trace.server(
        "supply-portal", "DELETE", "/requisitions/{id}", at - milliseconds(120), at,
        status=204,
        business={"business.object.requisition": requisition.id, **story.facility_attribute()},
    )  # fmt: skip
    story.native(
        at,
        "requisition_cancelled",
        "clinical-support",
        [("requisition", requisition.id)],
        {"department": requisition.department},
        span=root,
    )
    story.note([requisition.anchor], "requisition_cancelled", at)
    return story.finish([requisition.anchor], urgent=False)
