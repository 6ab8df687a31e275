"""Process definitions: the anchor, the paths between object types, the milestones, the end."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from suture.contracts.process import MilestoneKind
from suture.definitions.source import Definition
from suture.definitions.values import Date, Duration, Name, Names, TypeName

NormalizationStep = Literal["trim", "upper", "lower", "strip_leading_zeros", "alphanumeric"]


class Domain(StrEnum):
    """Which exception desk a process belongs to."""

    SUPPLY = "supply"
    FINANCE = "finance"
    STAFFING = "staffing"
    VENDOR = "vendor"


class Cardinality(StrEnum):
    """How many objects of one side may stand against the other, read from → to."""

    ONE_TO_ONE = "one_to_one"
    ONE_TO_MANY = "one_to_many"
    MANY_TO_ONE = "many_to_one"
    MANY_TO_MANY = "many_to_many"


class Path(Definition):
    """Objects of type `from` lead on to objects of type `to`."""

    from_type: TypeName = Field(alias="from")
    to_type: TypeName = Field(alias="to")
    cardinality: Cardinality = Cardinality.MANY_TO_MANY


class ObjectType(Definition):
    """How ids of a type are normalised, in the listed order, and what scopes them."""

    normalize: tuple[NormalizationStep, ...] = ()
    scope: Name | None = None


class MilestoneDefinition(Definition):
    """A milestone of the process, in declared order.

    An `optional` one may be left out and may come at any time, as an exception does: it is not held
    against the declared order.
    """

    name: Name
    system: Name | None = None
    kind: MilestoneKind = MilestoneKind.SYSTEM
    title: str = ""
    optional: bool = False


class Completion(Definition):
    """The milestone that completes an instance, and how many of it are awaited.

    `expect` is a count, or the name of an attribute that carries it; without one the first counts.
    """

    milestone: Name
    occurrence: Literal["first", "last"] = "first"
    expect: int | Name | None = None

    @model_validator(mode="after")
    def _last_and_a_count_go_together(self) -> Self:
        if self.occurrence == "last" and self.expect is None:
            raise ValueError("occurrence 'last' needs 'expect': a count or an attribute's name")
        if self.occurrence == "first" and self.expect is not None:
            raise ValueError("expect needs occurrence 'last': the first completes by itself")
        if isinstance(self.expect, int) and self.expect < 1:
            raise ValueError(f"expect is {self.expect}: nothing would ever complete")
        return self


class ProcessDefinition(Definition):
    """One version of a process."""

    process: Name
    version: int = Field(default=1, ge=1)
    effective_from: Date | None = None
    title: str
    description: str = ""
    domain: Domain
    owner: Name
    anchor: TypeName
    paths: tuple[Path, ...] = ()
    objects: dict[TypeName, ObjectType] = Field(default_factory=dict)
    milestones: tuple[MilestoneDefinition, ...] = Field(min_length=1)
    starts_with: Names
    completes_with: Completion
    ends_with: Names = ()
    facets: Names = ()
    money: Name | None = None
    stall_after: Duration = timedelta(days=7)

    @field_validator("completes_with", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"milestone": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = self.milestone_names
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"milestones: {', '.join(twice)} declared twice")
        for key, used in (
            ("starts_with", self.starts_with),
            ("completes_with", (self.completes_with.milestone,)),
            ("ends_with", self.ends_with),
        ):
            unknown = [name for name in used if name not in names]
            if unknown:
                raise ValueError(f"{key}: {', '.join(unknown)} is not a declared milestone")
        if not self.starts_with:
            raise ValueError("starts_with: names no milestone, so no instance would have a start")
        if any(m.optional for m in self.milestones if m.name == self.completes_with.milestone):
            raise ValueError(f"completes_with: {self.completes_with.milestone} is optional")
        self._check_types()
        return self

    def _check_types(self) -> None:
        pairs = [(path.from_type, path.to_type) for path in self.paths]
        for place, (origin, to) in enumerate(pairs):
            if origin == to:
                # Two objects of one event would each lead on to the other.
                raise ValueError(f"paths.{place}.to: {to} leads on to itself; name another type")
        if len(set(pairs)) != len(pairs):
            raise ValueError("paths: the same two types stand twice")
        reached = {self.anchor}
        while more := {to for origin, to in pairs if origin in reached} - reached:
            reached |= more
        if dead := sorted({origin for origin, _ in pairs} - reached):
            raise ValueError(f"paths: {', '.join(dead)} cannot be reached from {self.anchor}")
        if strange := sorted(set(self.objects) - self.object_types):
            raise ValueError(f"objects: {', '.join(strange)} stands on no path")

    @property
    def milestone_names(self) -> tuple[str, ...]:
        """Milestones in declared order."""
        return tuple(milestone.name for milestone in self.milestones)

    @property
    def expected_milestones(self) -> tuple[str, ...]:
        """What every instance that completes should reach, in this order.

        The milestones declared up to the completing one, without optional ones and those that end a
        process early. What is declared behind it happens when it happens.
        """
        completing = self.completes_with.milestone
        upto = self.milestones[: self.milestone_names.index(completing) + 1]
        ends = set(self.ends_with) - {completing}
        return tuple(m.name for m in upto if not m.optional and m.name not in ends)

    @property
    def type_pairs(self) -> frozenset[tuple[str, str]]:
        """(from, to) of every path."""
        return frozenset((path.from_type, path.to_type) for path in self.paths)

    @property
    def object_types(self) -> frozenset[str]:
        """The anchor's type and all types on a path."""
        ends = {t for path in self.paths for t in (path.from_type, path.to_type)}
        return frozenset({self.anchor, *ends})

    @property
    def carried_attributes(self) -> tuple[str, ...]:
        """Attributes an instance needs of its events: facets, money, the expected count."""
        expect = self.completes_with.expect
        names = [*self.facets, self.money, expect if isinstance(expect, str) else None]
        return tuple(sorted({name for name in names if name}))
