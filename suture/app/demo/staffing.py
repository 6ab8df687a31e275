"""Procedure schedule to staffing: how a procedure on the schedule becomes people who know of it.

A pure function of chance, like `supply`. One case is one procedure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from suture.app.demo.faults import Fault
from suture.app.demo.network import FACILITIES, SERVICE_LINES, STAFFING, TEAM_ROLES
from suture.app.demo.signals import Anchor, Case, SpanOut, SpanPoint
from suture.app.demo.spans import Trace, milliseconds
from suture.app.demo.story import Setup, Story

DEMAND_QUEUE = "staffing.demand"
NOTICE_QUEUE = "staff.notifications"
MAPPING = "procedure-to-staffing-demand"
MAPPING_ERROR = "MappingError: no skill profile for service line '{line}'"
DECLINES = (
    "a required credential has expired",
    "the minimum rest period is not kept",
    "the weekly hours limit is exceeded",
)
_SYNC_SLA = "schedule-to-staffing-sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Procedure:
    """One procedure on the schedule. `tail` makes up the numbers of what follows from it."""

    id: str
    tail: str
    theatre: str
    service_line: str
    priority: str
    planned_for: datetime

    @property
    def anchor(self) -> Anchor:
        return Anchor(type="procedure", id=self.id)

    @property
    def emergency(self) -> bool:
        return self.priority == "emergency"

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            "department": self.theatre,
            "service_line": self.service_line,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assignment:
    """A team that was assigned, and the message that tells it so."""

    message: SpanOut
    shifts: tuple[str, ...]


def procedure_case(setup: Setup) -> Case:
    """The case that begins at `setup.start`; raises Unclear where it proves nothing."""
    facility = setup.rng.choices(FACILITIES, weights=(45, 33, 22))[0]
    story = Story(setup, STAFFING, facility)
    procedure = _draw_procedure(story)
    scheduled = setup.start
    root = _book(story, procedure, scheduled, "procedure_scheduled")
    message = _publish(story, procedure, scheduled, root, 1)
    if message is None:
        return story.finish([procedure.anchor], urgent=False)
    rostered = _update_roster(story, procedure, message, 1)
    well = setup.plan.fault is None and story.injury is None and not procedure.emergency
    mark = story.rng.random()
    demand = 1
    if well and mark < 0.03:
        _book(story, procedure, rostered + story.minutes(4, 9), "procedure_cancelled")
        return story.finish([procedure.anchor], urgent=False)
    if well and mark < 0.15:
        demand = 2
        moved = rostered + story.minutes(10, 40)
        root = _book(story, procedure, moved, "procedure_rescheduled")
        second = _publish(story, procedure, moved, root, 2)
        if second is not None:
            rostered = _update_roster(story, procedure, second, 2)
    _notify(story, procedure, _assign(story, procedure, rostered, demand))
    return story.finish([procedure.anchor], urgent=False)


def _draw_procedure(story: Story) -> _Procedure:
    setup, rng = story.setup, story.rng
    # What is planned to go wrong at length would be noticed at once in an emergency.
    emergency = setup.plan.fault in (None, Fault.DUPLICATE) and rng.random() < 0.2
    tail = f"{setup.run.code}-{setup.number:05d}"
    days = 0 if emergency else rng.randint(2, 12)
    return _Procedure(
        id=f"CASE-{tail}",
        tail=tail,
        theatre=rng.choice(story.facility.theatres),
        service_line=rng.choice(SERVICE_LINES),
        priority="emergency" if emergency else rng.choice(("elective", "elective", "urgent")),
        planned_for=(setup.start + timedelta(days=days, hours=rng.randint(1, 8))).replace(
            minute=rng.choice((0, 15, 30, 45)), second=0, microsecond=0
        ),
    )


def _book(story: Story, procedure: _Procedure, at: datetime, milestone: str) -> SpanOut:
    """The scheduling office books, moves or cancels; the event goes out at once."""
    trace = story.trace()
    method, status, statement = {
        "procedure_scheduled": ("POST", 201, "INSERT"),
        "procedure_rescheduled": ("PUT", 200, "UPDATE"),
        "procedure_cancelled": ("DELETE", 204, "UPDATE"),
    }[milestone]
    route = "/cases" if method == "POST" else "/cases/{id}"
    business = {"business.object.procedure": procedure.id, **story.facility_attribute()}
    start = at - milliseconds(story.rng.uniform(120, 300))
    root = trace.server(
        "or-scheduling", method, route, start, at + milliseconds(40),
        status=status, business=business,
    )  # fmt: skip
    trace.database(
        root, statement, "surgical_case", start + milliseconds(25), at - milliseconds(10)
    )
    story.native(
        at,
        milestone,
        "perioperative",
        [("procedure", procedure.id)],
        {**procedure.attributes, "planned_for": procedure.planned_for.strftime("%Y-%m-%dT%H:%MZ")},
        span=root,
    )
    story.note([procedure.anchor], milestone, at)
    return root


def _publish(
    story: Story, procedure: _Procedure, at: datetime, root: SpanOut, version: int
) -> SpanOut | None:
    """Middleware makes a staffing demand of it; returns the message, None if that is lost."""
    trace = story.trace()
    taken = at + story.between(0.5, 9)
    failing = story.setup.plan.fault is Fault.MAPPING_ERROR
    end = taken + milliseconds(story.rng.uniform(150, 380))
    business = {"business.object.procedure": procedure.id, **story.facility_attribute()}
    outbox = trace.span(
        "or-scheduling", "relay schedule event", "internal",
        taken - milliseconds(20), end + milliseconds(10),
        attributes=business, links=[(root.trace_id, root.span_id)],
    )  # fmt: skip
    intake = trace.http_call(outbox, "mw-intake", "/intake/schedule-events", taken, end)
    first = intake.start + milliseconds(20)
    if failing:
        published = _fail_to_map(story, procedure, trace, intake, first)
    else:
        trace.transform(intake, MAPPING, first, first + milliseconds(35))
        published = first + milliseconds(60)
    demand = _demand(procedure, version)
    message = trace.send(
        intake, DEMAND_QUEUE, f"sd-{demand}", published - milliseconds(10), published,
        business={"business.object.staffing_demand": demand, **business},
    )  # fmt: skip
    story.native(
        published,
        "staffing_demand_published",
        "middleware",
        [("procedure", procedure.id), ("staffing_demand", demand)],
        {},
        span=message,
    )
    story.note([procedure.anchor], "staffing_demand_published", published)
    if story.setup.plan.fault is not Fault.LOST_MESSAGE:
        return message
    story.suffer(
        Fault.LOST_MESSAGE,
        published,
        f"message sd-{demand} vanishes from {DEMAND_QUEUE}",
        sla=_SYNC_SLA,
        cause="unobserved",
        step=("staffing_demand_published", "roster_updated"),
    )
    return None


def _fail_to_map(
    story: Story, procedure: _Procedure, trace: Trace, intake: SpanOut, first: datetime
) -> datetime:
    """The mapping is retried with growing pauses, in the trace of the request that was taken."""
    error = MAPPING_ERROR.format(line=procedure.service_line)
    pause, at, attempt = timedelta(minutes=1), first, 0
    corrected = first + story.minutes(45, 100)
    while at < corrected:
        attempt += 1
        end = at + milliseconds(story.rng.uniform(30, 90))
        trace.transform(intake, MAPPING, at, end, attempt=attempt, error=error)
        at = end + pause
        pause *= 2
    trace.transform(intake, MAPPING, at, at + milliseconds(35), attempt=attempt + 1)
    story.suffer(
        Fault.MAPPING_ERROR,
        first,
        f"{error}; {attempt} attempts fail before the mapping is corrected",
        sla=_SYNC_SLA,
        cause="transformation",
        step=("procedure_scheduled", "staffing_demand_published"),
    )
    return at + milliseconds(60)


def _update_roster(story: Story, procedure: _Procedure, message: SpanOut, version: int) -> datetime:
    """Workforce management takes the demand; the milestone rides on its span."""
    held = None
    if story.setup.plan.fault is None and version == 1:
        held = story.setup.incidents.queue_hold(DEMAND_QUEUE, message.end, story.facility.name)
    taken = message.end + (story.between(1, 20) if procedure.emergency else story.between(4, 240))
    if held is not None:
        taken = message.end + held + story.between(1, 60)
        story.suffer(
            Fault.STUCK_QUEUE,
            message.end,
            f"message {message.attributes['messaging.message.id']} waits {held} in "
            f"{DEMAND_QUEUE}: no consumer runs",
            sla=_SYNC_SLA,
            cause="transport",
            step=("staffing_demand_published", "roster_updated"),
        )
    trace = story.trace()
    at = taken + milliseconds(story.rng.uniform(90, 300))
    business: dict[str, Any] = {
        "business.object.staffing_demand": _demand(procedure, version),
        **story.facility_attribute(),
    }
    point = SpanPoint(
        name="roster updated",
        at=at,
        attributes={"business.milestone": "roster_updated", **business},
    )
    process = trace.consume(
        "roster-api", "process", DEMAND_QUEUE, message, taken, at + milliseconds(12),
        business=business, points=[point],
    )  # fmt: skip
    trace.database(process, "UPDATE", "roster", taken + milliseconds(20), at - milliseconds(8))
    story.note([procedure.anchor], "roster_updated", at)
    return at


def _assign(story: Story, procedure: _Procedure, rostered: datetime, demand: int) -> _Assignment:
    """The staffing office assigns a team, after a refusal another one."""
    wait = story.minutes(1, 4) if procedure.emergency else story.minutes(20, 90)
    at = rostered + wait
    if story.setup.plan.fault is not Fault.REJECTED_APPROVAL:
        return _assignment(story, procedure, demand, at, team="A")
    reason = story.rng.choice(DECLINES)
    again = at + story.minutes(300, 345)
    _assignment(story, procedure, demand, at, team="A", reason=reason)
    story.suffer(
        Fault.REJECTED_APPROVAL,
        at,
        f"declined: {reason}; another team is assigned {again - at} later",
        sla="staff-assignment",
        cause="business_rule",
        step=("staff_assigned", "staff_assigned"),
    )
    return _assignment(story, procedure, demand, again, team="B")


def _assignment(
    story: Story, procedure: _Procedure, demand: int, at: datetime, *, team: str, reason: str = ""
) -> _Assignment:
    """One decision about a team; only an accepted team is told."""
    trace = story.trace()
    business: dict[str, Any] = {
        "business.object.staffing_demand": _demand(procedure, demand),
        **story.facility_attribute(),
    }
    if reason:
        business |= {"business.outcome": "rejected", "business.reason": reason}
    start = at - milliseconds(story.rng.uniform(150, 400))
    root = trace.server(
        "roster-api", "POST", "/assignments", start, at + milliseconds(30),
        status=409 if reason else 201, business=business,
    )  # fmt: skip
    trace.database(
        root, "INSERT", "shift_assignment", start + milliseconds(30), at - milliseconds(10)
    )
    shifts = [f"SH-{procedure.tail}-{team}{n}" for n in range(1, story.rng.randint(3, 4))]
    # mercy-north still runs the release that sends version 1.
    version = 1 if story.facility.name == "mercy-north" else 2
    data = _team_data(story, _demand(procedure, demand), shifts, version, reason)
    story.foreign(at, "com.mercy.workforce.team.assigned", version, "workforce", data, span=root)
    story.note([procedure.anchor], "staff_assigned", at, "rejected" if reason else "ok")
    message = root
    if not reason:
        message = trace.send(
            root, NOTICE_QUEUE, f"sn-{procedure.tail}", at + milliseconds(5), at + milliseconds(20)
        )
    return _Assignment(message=message, shifts=tuple(shifts))


def _team_data(
    story: Story, demand: str, shifts: list[str], version: int, reason: str
) -> Mapping[str, Any]:
    if version == 1:
        flat = {"demand_ref": demand, "site": story.facility.name, "shift_ids": shifts}
        return flat | (
            {"state": "declined", "state_reason": reason} if reason else {"state": "confirmed"}
        )
    return {
        "demand": {"reference": demand, "site": story.facility.name},
        "assignments": [
            {"shiftId": shift, "role": role}
            for shift, role in zip(shifts, TEAM_ROLES, strict=False)
        ],
        "decision": (
            {"status": "DECLINED", "reason": reason} if reason else {"status": "CONFIRMED"}
        ),
    }


def _notify(story: Story, procedure: _Procedure, assignment: _Assignment) -> None:
    """The notifier calls the team through the paging provider, which sends no telemetry."""
    message = assignment.message
    taken = message.end + (story.between(1, 30) if procedure.emergency else story.between(5, 180))
    if story.setup.plan.fault is Fault.STUCK_QUEUE:
        held = story.minutes(30, 60)
        taken = message.end + held
        story.suffer(
            Fault.STUCK_QUEUE,
            message.end,
            f"message sn-{procedure.tail} waits {held} in {NOTICE_QUEUE}: "
            "its consumer died holding the message",
            sla="staff-notification",
            cause="transport",
            step=("staff_assigned", "staff_notified"),
        )
    trace = story.trace()
    at = taken + milliseconds(story.rng.uniform(300, 900))
    notice = f"N-{procedure.tail}"
    process = trace.consume(
        "staff-notifier", "process", NOTICE_QUEUE, message, taken, at + milliseconds(15),
        business={"business.object.notification": notice, **story.facility_attribute()},
    )  # fmt: skip
    trace.http_client(
        process, "api.paging-provider.example", "/v2/notices", taken + milliseconds(20),
        at - milliseconds(10), status=200,
    )  # fmt: skip
    told = [("shift_assignment", shift) for shift in assignment.shifts]
    objects = [("notification", notice), *told]
    story.native(at, "staff_notified", "workforce", objects, {}, span=process)
    story.note([procedure.anchor], "staff_notified", at)


def _demand(procedure: _Procedure, version: int) -> str:
    return f"SD-{procedure.tail}-{version}"
