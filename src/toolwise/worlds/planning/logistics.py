"""Logistics: trucks within cities, airplanes between airports, packages in them (the planning competitions' domain)."""

from __future__ import annotations

import random
from collections.abc import Mapping

import orjson

from toolwise.types import Json
from toolwise.worlds.planning.layout import Facts, Instance, InstanceError, Operator, ToolText
from toolwise.worlds.planning.strips import Fact, Strips

_SENTENCES = {
    "at": "{0} must be at {1}",
    "in": "{0} must be in {1}",
    "same_city": "{0} and {1} must be in one city",
    "airport": "{0} must be an airport",
}
TOOLS: tuple[ToolText, ...] = (
    ToolText(
        "load",
        "Load {package} into {vehicle}, a truck or an airplane. Both must be at {location}.",
        {"package": "The package.", "vehicle": "The truck or airplane.", "location": "Where both are."},
        "{package} into {vehicle} at {location}: load.",
    ),
    ToolText(
        "unload",
        "Unload {package} from {vehicle}, a truck or an airplane, at {location}, where the vehicle must be.",
        {"package": "The package.", "vehicle": "The truck or airplane.", "location": "Where the vehicle is."},
        "{package} from {vehicle} at {location}: unload.",
    ),
    ToolText(
        "drive",
        "Drive {truck} from {origin}, where it must be, to {destination} in the same city.",
        {"truck": "The truck.", "origin": "Where it is.", "destination": "Where it goes."},
        "{truck} from {origin} to {destination}: drive.",
    ),
    ToolText(
        "fly",
        "Fly {airplane} from {origin}, where it must be, to {destination}. Both must be airports.",
        {"airplane": "The airplane.", "origin": "Where it is.", "destination": "Where it goes."},
        "{airplane} from {origin} to {destination}: fly.",
    ),
)
_LAYOUTS = 64
_STATE_FORM = (
    'a Logistics state is {"cities": {city: [location]}, "airports": [location], "trucks": {truck: location}, '
    '"airplanes": {airplane: location}, "packages": {package: location or vehicle}}'
)
Names = tuple[str, ...]
Objects = tuple[tuple[tuple[str, Names], ...], Names, Names, Names, Names]
"""Cities with their locations, airports, trucks, airplanes, packages."""


class LogisticsLayout(Strips):
    """The dynamics of a map with its vehicles and packages."""

    def __init__(self, objects: Objects) -> None:
        super().__init__()
        cities, self.airports, self.trucks, self.airplanes, self.packages = objects
        self.cities = dict(cities)
        self.city_of = {place: city for city, places in cities for place in places}
        self.places = tuple(self.city_of)
        self.vehicles = (*self.trucks, *self.airplanes)
        self.family = f"logistics {objects!r}"
        statics: list[Fact] = [("airport", place) for place in self.airports]
        statics += [("same_city", a, b) for a in self.places for b in self.places if self.city_of[a] == self.city_of[b]]
        self._statics = self.mask(statics)
        self._ground()

    def _ground(self) -> None:
        for package in self.packages:
            for vehicle in self.vehicles:
                for place in self.places:
                    here, inside = ("at", package, place), ("in", package, vehicle)
                    there = ("at", vehicle, place)
                    self.add("load", (package, vehicle, place), [here, there], [inside], keeps=1)
                    self.add("unload", (package, vehicle, place), [inside, there], [here], keeps=1)
        for a in self.places:
            for b in self.places:
                if a == b:
                    continue
                for truck in self.trucks:
                    needs: list[Fact] = [("at", truck, a), ("same_city", a, b)]
                    self.add("drive", (truck, a, b), needs, [("at", truck, b)], keeps=1)
                for plane in self.airplanes:
                    needs = [("at", plane, a), ("airport", a), ("airport", b)]
                    self.add("fly", (plane, a, b), needs, [("at", plane, b)], keeps=2)

    def violated(self, state: int, operator: Operator) -> tuple[str, ...]:
        missing = operator.needs & ~state
        return tuple(_SENTENCES[f[0]].format(*f[1:]) for f in self.facts(missing)) if missing else ()

    def predecessors(self, state: int, operator: Operator) -> list[int]:
        before = self.inverse(state, operator)
        return [] if before is None else [before]

    def load(self, data: Mapping[str, Json]) -> int:
        facts: list[Fact] = []
        for kind, names, places in (
            ("trucks", self.trucks, self.places),
            ("airplanes", self.airplanes, self.airports),
            ("packages", self.packages, (*self.places, *self.vehicles)),
        ):
            where = data.get(kind)
            if not isinstance(where, dict) or set(where) != set(names):
                raise InstanceError(_STATE_FORM)
            for name, place in where.items():
                if place not in places:
                    raise InstanceError(f"{name} cannot be at {place!r}; {_STATE_FORM}")
                facts.append(("in" if place in self.vehicles else "at", name, place))
        return self.mask(facts) | self._statics

    def render(self, state: int) -> dict[str, Json]:
        where = {fact[1]: fact[2] for fact in self.facts(state & ~self._statics)}
        return {
            "airplanes": {name: where[name] for name in self.airplanes},
            "airports": list(self.airports),
            "cities": {city: list(places) for city, places in self.cities.items()},
            "packages": {name: where[name] for name in self.packages},
            "trucks": {name: where[name] for name in self.trucks},
        }

    def corrupted(self, state: int, rng: random.Random) -> tuple[int, str] | None:
        data = self.dump(state)
        kind = rng.choice([k for k in ("trucks", "airplanes", "packages", "packages") if data[k]])
        name = rng.choice(list(data[kind]))
        old = data[kind][name]
        if kind == "packages":
            places = [*self.places, *self.vehicles]
        else:
            places = list(self.airports if kind == "airplanes" else self.cities[self.city_of[old]])
        others = [place for place in places if place != old]
        if not others:
            return None
        place = rng.choice(others)
        return self.load({**data, kind: {**data[kind], name: place}}), f"{name} at {place}, not {old}"

    def satisfied(self, state: int, goal: Facts) -> bool:
        return self.holds(state, goal)

    def estimate(self, state: int, goal: Facts) -> int:
        """Each package's own loads and unloads, and one drive or flight into each place that still needs one."""
        where = {fact[1]: fact[2] for fact in self.facts(state & ~self._statics)}
        total = 0
        enter: set[tuple[str, str]] = set()
        for fact in goal:
            if fact[0] != "at" or fact[2] not in self.city_of:
                continue
            name, target = fact[1], fact[2]
            if name in self.packages:
                total += self._handling(where, name, target, enter)
            elif where.get(name, target) != target:
                enter.add(("drive" if name in self.trucks else "fly", target))
        return total + len(enter)

    def _handling(self, where: Mapping[str, str], package: str, target: str, enter: set[tuple[str, str]]) -> int:
        """The least loads and unloads of one package; adds to `enter` the moves that it makes inevitable."""
        place = where[package]
        vehicle = place if place in self.vehicles else ""
        here = where[vehicle] if vehicle else place
        if here == target:
            return 1 if vehicle else 0
        at_end = 0 if target in self.airports else 2
        flies = self.city_of[here] != self.city_of[target]
        if here not in self.airports and not vehicle and not any(where[truck] == here for truck in self.trucks):
            enter.add(("drive", here))
        if at_end:
            enter.add(("drive", target))
        if flies:
            self._must_fly(where, here, target, vehicle, enter)
        if vehicle in self.airplanes:
            return 1 + at_end
        if not flies:
            return 1 if vehicle else 2
        return (3 if vehicle else 2 + (0 if here in self.airports else 2)) + at_end

    def _must_fly(
        self, where: Mapping[str, str], here: str, target: str, vehicle: str, enter: set[tuple[str, str]]
    ) -> None:
        """The moves through the airports of both cities, where there is no choice of airport."""
        arrival, departure = self._only_airport(target), self._only_airport(here)
        if arrival:
            enter.add(("fly", arrival))
        if departure and vehicle not in self.airplanes:
            if here != departure:
                enter.add(("drive", departure))
            if not any(where[plane] == departure for plane in self.airplanes):
                enter.add(("fly", departure))

    def _only_airport(self, place: str) -> str:
        found = [port for port in self.airports if self.city_of[port] == self.city_of[place]]
        return found[0] if len(found) == 1 else ""

    def contradiction(self, state: int, goal: Facts) -> str:
        where: dict[str, str] = {}
        for fact in goal:
            if where.setdefault(fact[1], fact[2]) != fact[2]:
                return f"the goal wants {fact[1]} in two places"
        lost = self.beyond_reach(state, goal)
        return "" if lost is None else f"nothing can ever bring about that {_SENTENCES[lost[0]].format(*lost[1:])}"


class _Names:
    """Short names of each kind in random order, none twice: `l7`, and with two digits after the first nine."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left: dict[str, list[int]] = {}

    def __call__(self, kind: str) -> str:
        left = self._left.get(kind)
        if left is None:
            short, long = list(range(1, 10)), list(range(10, 100))
            self._rng.shuffle(short)
            self._rng.shuffle(long)
            left = self._left[kind] = [*long, *short]
        return f"{kind}{left.pop()}"


class Logistics:
    """The domain; `size` is the number of packages. A map has one city for each two packages, at least two."""

    name = "logistics"
    description = "Trucks and airplanes bring packages from place to place."
    tools = TOOLS

    def __init__(self) -> None:
        self._known: dict[bytes, LogisticsLayout] = {}

    def layout(self, data: Mapping[str, Json]) -> LogisticsLayout:
        try:
            objects = [list(data[kind]) for kind in ("trucks", "airplanes", "packages")]
            key = orjson.dumps([data["cities"], data["airports"], objects])
        except (KeyError, TypeError) as error:
            raise InstanceError(_STATE_FORM) from error
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _LAYOUTS:
                self._known.clear()
            known = self._known[key] = self._checked(data)
        return known

    def _checked(self, data: Mapping[str, Json]) -> LogisticsLayout:
        try:
            cities = tuple((city, tuple(places)) for city, places in sorted(data["cities"].items()))
            trucks, planes, packages = (tuple(sorted(data[k])) for k in ("trucks", "airplanes", "packages"))
            names = [*(p for _, places in cities for p in places), *trucks, *planes, *packages]
            if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
                raise InstanceError(f"every name must be a text of its own; {_STATE_FORM}")
        except (KeyError, TypeError, AttributeError) as error:
            raise InstanceError(_STATE_FORM) from error
        return LogisticsLayout((cities, tuple(data["airports"]), trucks, planes, packages))

    def generate(self, size: int, rng: random.Random) -> Instance:
        if not 1 <= size <= 12:
            raise InstanceError(f"Logistics takes 1 to 12 packages, not {size}")
        fresh = _Names(rng)
        cities: dict[str, list[str]] = {}
        for _ in range(max(2, (size + 1) // 2)):
            cities[fresh("c")] = sorted(fresh("l") for _ in range(rng.choice((2, 2, 3))))
        cities = dict(sorted(cities.items()))
        airports = [rng.choice(places) for places in cities.values()]
        places = [place for group in cities.values() for place in group]
        trucks = {fresh("t"): rng.choice(group) for group in cities.values()}
        planes = {fresh("a"): rng.choice(airports) for _ in range(1 + (size >= 6))}
        packages = {fresh("p"): rng.choice(places) for _ in range(size)}
        goal = []
        for name in sorted(packages):
            target = rng.choice([place for place in places if place != packages[name]])
            goal.append(("at", name, target))
        start: dict[str, Json] = {"airports": airports, "cities": cities}
        for kind, names in (("airplanes", planes), ("packages", packages), ("trucks", trucks)):
            start[kind] = dict(sorted(names.items()))
        return Instance(self.name, dict(sorted(start.items())), tuple(goal))

    def describe(self, data: Mapping[str, Json], rng: random.Random) -> str:
        ports = set(data["airports"])
        marked = {c: [f"{p} (airport)" if p in ports else p for p in places] for c, places in data["cities"].items()}
        vehicles = {**data["trucks"], **data["airplanes"]}
        style = rng.randrange(3)
        if style == 0:
            land = [f"City {c} has {', '.join(places)}." for c, places in marked.items()]
            lines = [f"{kind} {n} is at {p}" for kind in ("truck", "airplane") for n, p in data[f"{kind}s"].items()]
            lines += [f"package {n} is {'in' if p in vehicles else 'at'} {p}" for n, p in data["packages"].items()]
            rng.shuffle(lines)
            return f"{' '.join(land)} Now {', '.join(lines)}."
        land = [f"{c}: {' '.join(places)}" for c, places in marked.items()]
        if style == 1:
            moving = [f"{name}@{place}" for name, place in [*vehicles.items(), *data["packages"].items()]]
            rng.shuffle(moving)
            return f"Map: {'; '.join(land)}. Positions: {' '.join(moving)}."
        holders: dict[str, list[str]] = {}
        for name, place in [*vehicles.items(), *data["packages"].items()]:
            holders.setdefault(place, []).append(name)
        groups = [f"{place} has {' and '.join(names)}" for place, names in holders.items()]
        rng.shuffle(groups)
        return f"Cities: {'; '.join(land)}. {', '.join(groups)}."

    def describe_goal(self, goal: Facts, rng: random.Random) -> str:
        parts = [f"{f[1]} {'inside' if f[0] == 'in' else 'at'} {f[2]}" for f in goal]
        rng.shuffle(parts)
        return rng.choice(["Goal: {}.", "Bring about: {}.", "In the end: {}."]).format(", ".join(parts))

    def scene(self, data: Mapping[str, Json]) -> str:
        ports = set(data["airports"])
        cities = (" ".join(f"{p} airport" if p in ports else p for p in places) for places in data["cities"].values())
        return f"Cities: {'; '.join(cities)}."

    def write_goal(self, goal: Facts) -> str:
        return ", ".join(f"{f[1]} at {f[2]}" for f in goal)

    def write(self, data: Mapping[str, Json]) -> str:
        kinds = ("trucks", "airplanes", "packages")
        return ", ".join(f"{name} at {place}" for kind in kinds for name, place in sorted(data[kind].items()))

    def read(self, text: str, like: Mapping[str, Json]) -> dict[str, Json] | None:
        kind_of = {name: kind for kind in ("trucks", "airplanes", "packages") for name in like[kind]}
        found: dict[str, dict[str, str]] = {kind: {} for kind in ("trucks", "airplanes", "packages")}
        for part in text.strip().rstrip(".").split(","):
            words = part.split()
            if len(words) != 3 or words[1] not in ("at", "in") or words[0] not in kind_of:
                return None
            found[kind_of[words[0]]][words[0]] = words[2]
        for kind, names in found.items():
            if set(names) != set(like[kind]):
                return None
        return {**like, **{kind: dict(sorted(names.items())) for kind, names in found.items()}}
