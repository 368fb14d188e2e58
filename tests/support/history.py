"""A table's history: what was written when; its states, and its exports as the service makes them.

    history = History(random.Random(1), n_keys=200)
    history.live("2024-05-18T00:00:00Z", "2024-05-18T12:00:00Z", n_writes=500)
    history.state("2024-05-18T03:00:00Z")                           items, for a full export
    history.changes("2024-05-18T03:00:00Z", "2024-05-18T06:00:00Z")  for an incremental one

Nothing is written within five minutes of a full hour, so that windows that begin and end there have
sharp edges.
"""

import datetime

import export

HOUR_US = 3_600_000_000
QUIET_US = 300_000_000


def us(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1_000_000


class History:
    def __init__(self, rng, n_keys=100, n_causes=40):
        self.rng = rng
        self.n_causes = n_causes
        self.keys = [{"pk": {"S": f"p{i % 7}"}, "sk": {"N": str(i)}} for i in range(n_keys)]
        self.writes = [[] for _ in self.keys]           # per key: (time, item or None), in order

    def write(self, index, moment, item):
        """item: the attributes beside the key; None deletes."""
        item = None if item is None else self.keys[index] | item
        self.writes[index].append((us(moment) if isinstance(moment, str) else moment, item))
        self.writes[index].sort(key=lambda write: write[0])

    def live(self, start, end, n_writes):
        """Inserts, updates, deletes and insertions after deletes, at random."""
        times = set()
        while len(times) < n_writes:
            moment = self.rng.randrange(us(start), us(end))
            if QUIET_US <= moment % HOUR_US < HOUR_US - QUIET_US:
                times.add(moment)
        for moment in sorted(times):
            self.write(self.rng.randrange(len(self.keys)), moment, self._attributes())

    def _attributes(self):
        if self.rng.random() < 0.35:
            return None
        some = {"cause": {"S": f"cause-{self.rng.randrange(self.n_causes)}"},
                "provider": {"S": self.rng.choice(("a", "a", "a", "b"))},
                "insertedAt": {"S": f"2024-0{self.rng.randrange(1, 10)}-11T00:00:00Z"}}
        if self.rng.random() < 0.1:
            del some["cause"]
        return some

    def _state_of(self, index, moment):
        before = [item for time, item in self.writes[index] if time < us(moment)]
        return before[-1] if before else None

    def state(self, moment):
        states = (self._state_of(index, moment) for index in range(len(self.keys)))
        return [item for item in states if item is not None]

    def changes(self, start, end):
        """One change per item that was written in the window: its last state.  What was made and
        deleted in it does not show."""
        found = []
        for index, key in enumerate(self.keys):
            inside = [time for time, _ in self.writes[index] if us(start) <= time < us(end)]
            old, new = self._state_of(index, start), self._state_of(index, end)
            if inside and (old is not None or new is not None):
                found.append(export.Change(inside[-1], key, old, new))
        return found
