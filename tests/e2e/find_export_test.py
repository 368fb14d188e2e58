"""find on an export decides what the oracle decides; the plan is the same whatever the ranks."""

import unittest

import support  # noqa: F401  (finds tests/support)
import export
import keepone
import oracle
import seed

RANKS = (1, 2, 3, 5, 8)
KEY = {"primary_key": "pk,sk"}
RULES = {
    "oldest": KEY | {"key": "cause", "keep": "oldest:insertedAt"},
    "newest_any": KEY | {"key": "cause", "keep": "newest:insertedAt,any"},
    "same": KEY | {"key": "cause", "keep": "oldest:insertedAt,any", "same": "provider"},
    "trimmed": KEY | {"key": "cause:trim", "keep": "newest:insertedAt"},
    "composite": KEY | {"key": "handle,message", "keep": "any"},
    "normalised": KEY | {"key": "handle:lower:space:trim,message:space:trim",
                         "keep": "min:rank,any"},
    "nfkc": KEY | {"key": "handle:nfkc", "keep": "max:rank"},
    "nested": KEY | {"key": "meta.id,parts[1].sum", "keep": "oldest:insertedAt,any"},
    "dotted_name": KEY | {"key": r"meta.a\.b", "keep": "has:pinned,equals:status=live,any"},
    "ttl": KEY | {"key": "cause", "keep": "oldest:insertedAt", "ttl": "expiresAt"},
    "max_group": KEY | {"key": "cause", "keep": "oldest:insertedAt,any", "max_group": 100},
    "no_max_group": KEY | {"key": "cause", "keep": "oldest:insertedAt,any", "max_group": 0},
    "missing_is_a_group": KEY | {"key": "cause", "keep": "any", "missing_key": "group"},
    "numbers": KEY | {"key": "rank", "keep": "min:sk,any"},
}


def item(number, **texts):
    return {"pk": seed.S("a"), "sk": seed.N(number)} | {name: seed.S(text)
                                                        for name, text in texts.items()}


class Cases(keepone.Case):
    def find(self, made, rules, *arguments, ranks=0, rc=keepone.DONE):
        folder = self.new_run()
        result = self.run_ok("find", "--export", made.path, "--run", folder, "--json",
                             *keepone.options(rules), *arguments, ranks=ranks, rc=rc)
        return folder, result.json["counts"]

    def traps(self):
        items = seed.traps()
        return items + seed.repeats(items)

    def test_every_rule_agrees_with_the_oracle(self):
        items = self.traps()
        made = self.new_export(items, escapes="mixed", shuffle=True, space=True, n_members=3,
                               n_empty=2)
        for name, rules in RULES.items():
            with self.subTest(name):
                self.check_verdict(*self.find(made, rules),
                                   oracle.judge(items, rules | {"as_of": export.TIME_S}))

    def test_random_items_agree_with_the_oracle(self):
        for number in (2, 3, 4):
            items = seed.traps(number, n_random=1500)
            items += seed.repeats(items, number, 0.1)
            made = self.new_export(items, n_files=number, escapes="ascii", seed=number)
            rules = RULES["same"]
            with self.subTest(seed=number):
                folder, counts = self.find(made, rules, ranks=number)
                self.check_verdict(folder, counts, oracle.judge(items, rules))

    def test_the_plan_is_the_same_for_every_number_of_ranks_and_files(self):
        items = self.traps()
        rules = RULES["oldest"]
        plans, counts = set(), []
        for ranks, n_files in zip(RANKS, (4, 1, 7, 2, 16)):
            made = self.new_export(items, n_files=n_files, n_empty=n_files % 3, shuffle=True,
                                   seed=ranks)
            folder, some = self.find(made, rules, ranks=ranks)
            plans.add(keepone.plan_bytes(folder))
            counts.append(some)
        self.assertEqual(1, len(plans))
        self.assertEqual([counts[0]] * len(RANKS), counts)
        self.check_verdict(folder, counts[-1], oracle.judge(items, rules))

    def test_little_memory_gives_the_same_plan(self):
        # 12 MiB have two blocks of 2 MiB for rows: too few for half of these items.
        diff = seed.space_diff(100_000)
        made = self.new_export(diff.items, n_files=8)
        rules = KEY | {"key": "cause", "keep": "oldest:insertedAt", "same": "provider"}
        plans, n_read_again = set(), []
        for memory in ("12M", "1G"):
            folder = self.new_run()
            found = self.run_ok("find", "--export", made.path, "--run", folder, "--json",
                                *keepone.options(rules), "--memory", memory, ranks=2).json
            plans.add(keepone.plan_bytes(folder))
            n_read_again.append(found["claims_read_again"])
            self.assertEqual((diff.n_losers, diff.n_groups),
                             (found["counts"]["planned"], found["counts"]["keepers"]))
        self.assertEqual(1, len(plans))
        self.assertGreater(n_read_again[0], 0)
        self.assertEqual(0, n_read_again[1])

    def test_items_without_the_key_are_never_grouped(self):
        items = [item(i, insertedAt="2024-01-01") for i in range(50)]
        items += [item(i, insertedAt="2024-01-01", cause="x") for i in (50, 51)]
        folder, counts = self.find(self.new_export(items), RULES["oldest"])
        self.assertEqual((50, 1, 1), (counts["missing"], counts["keepers"], counts["planned"]))
        self.assertEqual(1, len(keepone.plan_pairs(folder)))

    def test_one_cause_of_several_providers_goes_to_review(self):
        items = [item(i, cause="x", provider=f"p{i % 2}", insertedAt="2024-01-01")
                 for i in range(4)]
        folder, counts = self.find(self.new_export(items), RULES["same"])
        self.assertEqual((4, 0), (counts["review"], counts["planned"]))
        self.assertEqual(b"", keepone.plan_bytes(folder))

    def test_a_date_that_does_not_parse_never_wins(self):
        times = ("", "yesterday", "2024-06-01", "2024-05-01", "2024-02-30")
        items = [item(i, cause="x", insertedAt=text) for i, text in enumerate(times)]
        for rule, keeper in (("oldest", "3"), ("newest", "2")):
            rules = RULES["oldest"] | {"keep": rule + ":insertedAt"}
            folder, _ = self.find(self.new_export(items), rules)
            self.assertEqual({f'{{"pk":{{"S":"a"}},"sk":{{"N":"{keeper}"}}}}'},
                             {pair["keep"] for pair in keepone.plan_pairs(folder)})

    def test_a_key_that_no_item_has_is_an_error(self):
        made = self.new_export(self.traps())
        for wrong in ({"key": "casue"}, {"keep": "oldest:insertedat"}, {"same": "provder"}):
            rules = RULES["same"] | wrong
            folder = self.new_run()
            result = keepone.run("find", "--export", made.path, "--run", folder,
                                 *keepone.options(rules))
            (text,) = wrong.values()
            self.check_error(result, keepone.OPTION, text.rpartition(":")[2])

    def test_missing_key_error_stops(self):
        made = self.new_export(self.traps())
        rules = RULES["oldest"] | {"missing_key": "error"}
        result = keepone.run("find", "--export", made.path, "--run", self.new_run(),
                             *keepone.options(rules))
        self.check_error(result, keepone.REFUSED)

    def test_an_export_of_nothing_gives_an_empty_plan(self):
        made = self.new_export([], n_files=1, n_empty=2)
        folder = self.new_run()
        result = self.run_ok("find", "--export", made.path, "--run", folder, "--json",
                             *keepone.options(RULES["oldest"]), ranks=3)
        self.assertEqual({0}, set(result.json["counts"].values()))

    def test_a_plan_line_shows_what_was_seen(self):
        items = [{"pk": seed.S("a"), "sk": seed.N("1.0"), "cause": seed.S("caf\u00e9"),
                  "insertedAt": seed.S("2024-01-01")},
                 {"pk": seed.S("b"), "sk": seed.N("2"), "cause": seed.S("caf\u00e9 "),
                  "insertedAt": seed.S("2024-01-02"), "provider": {"SS": ["b", "a"]}},
                 {"pk": seed.S("b"), "sk": seed.N("3"), "cause": seed.S("alone")}]
        rules = KEY | {"key": "cause:trim", "keep": "oldest:insertedAt,has:provider"}
        folder, _ = self.find(self.new_export(items, escapes="ascii"), rules)
        self.assertEqual(
            '{"key":{"cause":{"S":"caf\u00e9"}},'
            '"delete":{"primary_key":{"pk":{"S":"b"},"sk":{"N":"2"}},'
            '"seen":{"cause":{"S":"caf\u00e9 "},"insertedAt":{"S":"2024-01-02"},'
            '"provider":{"SS":["a","b"]}}},'
            '"keep":{"primary_key":{"pk":{"S":"a"},"sk":{"N":"1"}},'
            '"seen":{"cause":{"S":"caf\u00e9"},"insertedAt":{"S":"2024-01-01"},'
            '"provider":null}}}\n',
            keepone.plan_bytes(folder).decode())


if __name__ == "__main__":
    unittest.main()
