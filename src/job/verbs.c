#include "keepone/job/options.h"

static const struct ko_verb_info verbs[KO_VERB_COUNT] = {
    [KO_VERB_FIND] =
        {.name = "find",
         .purpose = "find copies and plan which of them go; deletes nothing",
         .usage = "find SOURCE --key LIST --keep LIST --run DIR [OPTION]...",
         .about = "Reads every item of SOURCE (--table NAME, a live table, or --export DIR) and "
                  "groups the items that share the key. Of each group one item stays, the others "
                  "are written to the plan "
                  "in the run directory. Groups in doubt are written to the review file instead. "
                  "The plan is the same for any number of ranks.",
         .positional = KO_OPTION_NONE,
         .examples = {{"in a live table, keep the oldest item of each cause",
                       "keepone find --table space-diff --key cause --same provider \\\n"
                       "    --keep oldest:insertedAt --run runs/1"},
                      {"in an export, with 8 ranks; names compared without regard to case",
                       "mpirun -q -n 8 keepone find --export exports/0173 --primary-key pk,sk \\\n"
                       "    --key handle:lower:trim,message --keep newest:at,any --run runs/2"},
                      {"look only at some items of a table on DynamoDB Local",
                       "keepone find --table orders --endpoint http://127.0.0.1:8000 --key sum \\\n"
                       "    --keep has:invoice,oldest:at --where 'status = \"old\"' --run runs/3"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_STOPPED, KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS,
                   KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY, KO_E_COMM, KO_E_BUG}},
    [KO_VERB_SHOW] =
        {.name = "show",
         .purpose = "show what a run found, planned and did",
         .usage = "show RUN [--plan | --review | --json] [--samples N]",
         .about = "Prints the totals of a run, its largest groups, and some groups side by side "
                  "with the attributes in which the copies differ. Changes nothing.",
         .positional = KO_OPTION_RUN,
         .word = "RUN",
         .examples = {{"the totals and five groups", "keepone show runs/1 --samples 5"},
                      {"the primary keys that would be deleted",
                       "keepone show runs/1 --plan | jq -c .delete.primary_key"},
                      {"why groups were left for review", "keepone show runs/1 --review | less"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_AWS, KO_E_ACCESS, KO_E_IO, KO_E_CORRUPT,
                   KO_E_MEMORY, KO_E_BUG}},
    [KO_VERB_PLAN] =
        {.name = "plan",
         .purpose = "make a smaller plan from a run's plan",
         .usage = "plan RUN (--exclude FILE | --only FILE)",
         .about =
             "Writes a plan that holds part of the run's plan beside the first; apply uses "
             "the smaller one. FILE has one entry per line: an item's primary key, such as "
             "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}, or {\"key\":{\"cause\":{\"S\":\"x\"}}} "
             "for all items of a group, both as show --plan prints them. An entry that is not "
             "in the plan is an error.",
         .positional = KO_OPTION_RUN,
         .word = "RUN",
         .examples = {{"spare some items", "keepone plan runs/1 --exclude spare.jsonl"},
                      {"begin with a hundred deletes",
                       "keepone show runs/1 --plan | head -n 100 \\\n"
                       "    | jq -c .delete.primary_key > some.jsonl\n"
                       "keepone plan runs/1 --only some.jsonl"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_STOPPED, KO_E_AWS, KO_E_ACCESS, KO_E_IO,
                   KO_E_CORRUPT, KO_E_MEMORY, KO_E_BUG}},
    [KO_VERB_APPLY] =
        {.name = "apply",
         .purpose = "delete what the plan names, each item under conditions",
         .usage = "apply RUN [OPTION]...",
         .about =
             "Asks first, or takes --yes. An item is deleted only if it, and the item kept "
             "for it, still are as find saw them. Every image is durable in the journal before "
             "its delete is sent. Run again it continues: nothing is deleted twice.",
         .positional = KO_OPTION_RUN,
         .word = "RUN",
         .examples = {{"delete after a question", "keepone apply runs/1"},
                      {"with 4 ranks and two limits, without a question",
                       "mpirun -q -n 4 keepone apply runs/1 --yes --max-delete 2000000 "
                       "\\\n    --max-delete-percent 5"},
                      {"with the strictest conditions",
                       "keepone apply runs/1 --safety transact --unchanged"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_UNCLEAN, KO_E_PARTIAL, KO_E_STOPPED,
                   KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS, KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY,
                   KO_E_COMM, KO_E_BUG}},
    [KO_VERB_VERIFY] =
        {.name = "verify",
         .purpose = "read again: is there one item per key?",
         .usage = "verify (RUN | SOURCE --key LIST) [OPTION]...",
         .about = "Reads the run's table again by the run's own rules, or SOURCE (--table NAME or "
                  "--export DIR) by the rules given, and counts the keys that two items share. "
                  "Changes nothing.",
         .positional = KO_OPTION_RUN,
         .word = "RUN",
         .examples = {{"after apply", "keepone verify runs/1 --consistent"},
                      {"a table without a run",
                       "keepone verify --table space-diff --key cause --json"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_UNCLEAN, KO_E_STOPPED, KO_E_THROTTLED, KO_E_AWS,
                   KO_E_ACCESS, KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY, KO_E_COMM, KO_E_BUG}},
    [KO_VERB_UNDO] =
        {.name = "undo",
         .purpose = "put back what a run deleted",
         .usage = "undo RUN [OPTION]...",
         .about = "Puts every item that the run deleted back from the journal, unless something "
                  "else has its primary key by now. Run again it continues.",
         .positional = KO_OPTION_RUN,
         .word = "RUN",
         .examples = {{"put back after a question", "keepone undo runs/1"},
                      {"with 4 ranks, without a question",
                       "mpirun -q -n 4 keepone undo runs/1 --yes"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_UNCLEAN, KO_E_PARTIAL, KO_E_STOPPED,
                   KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS, KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY,
                   KO_E_COMM, KO_E_BUG}},
    [KO_VERB_RUNS] =
        {.name = "runs",
         .purpose = "list the runs in a folder, and how far they are",
         .usage = "runs DIR [--unfinished] [OPTION]...",
         .about = "Prints state, start, planned deletes and directory of each run directly below "
                  "DIR, a local folder or one on S3. Changes nothing.",
         .positional = KO_OPTION_BASE,
         .word = "DIR",
         .examples = {{"what somebody has to look after",
                       "keepone runs s3://bucket/runs --unfinished"}},
         .exits = {KO_E_OPTION, KO_E_STOPPED, KO_E_AWS, KO_E_ACCESS, KO_E_IO, KO_E_MEMORY,
                   KO_E_COMM, KO_E_BUG}},
    [KO_VERB_DEDUP] =
        {.name = "dedup",
         .purpose = "find, then apply with --yes",
         .usage = "dedup SOURCE --key LIST --keep LIST --run DIR [--yes] [OPTION]...",
         .about = "Does what find does, and with --yes what apply does behind it. Without --yes it "
                  "stops at the plan and prints the command that would apply it.",
         .positional = KO_OPTION_NONE,
         .examples = {{"plan and delete in one go, at most 1 % of the items",
                       "keepone dedup --table space-diff --key cause --keep oldest:insertedAt \\\n"
                       "    --run runs/4 --yes --max-delete-percent 1"},
                      {"only the plan",
                       "keepone dedup --table space-diff --key cause --keep oldest:insertedAt \\\n"
                       "    --run runs/5"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_UNCLEAN, KO_E_PARTIAL, KO_E_STOPPED,
                   KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS, KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY,
                   KO_E_COMM, KO_E_BUG}},
    [KO_VERB_EXPORT] =
        {.name = "export",
         .purpose = "export a table to S3, whole or what has changed",
         .usage = "export (--table NAME --to s3://BUCKET[/PREFIX] | --arn ARN) [OPTION]...",
         .about = "Starts a point-in-time export, which takes no read units of the table, waits "
                  "for it, and prints the path that --export takes. With --from and --until it "
                  "exports what has changed in between, for --catch-up. The same command again "
                  "goes on waiting: within 8 hours it starts nothing twice. An export goes on "
                  "without keepone.",
         .positional = KO_OPTION_NONE,
         .examples = {{"the whole table as it is now",
                       "keepone export --table space-diff --to s3://exports/space-diff"},
                      {"what has changed since that export's time",
                       "keepone export --table space-diff --to s3://exports/space-diff \\\n"
                       "    --from 2026-01-31T12:00:00Z --until 2026-02-01T09:00:00Z"},
                      {"only start it, and wait later",
                       "arn=$(keepone export --table orders --to s3://exports --no-wait)\n"
                       "keepone export --arn $arn"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_STOPPED, KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS,
                   KO_E_IO, KO_E_MEMORY, KO_E_COMM, KO_E_BUG}},
    [KO_VERB_ESTIMATE] =
        {.name = "estimate",
         .purpose = "say what it would cost, in units, time and money",
         .usage = "estimate SOURCE [--key LIST] [--sample P | --duplicates P] [OPTION]...",
         .about =
             "Asks the table how large it is and computes what a scan, an export, and deletes at "
             "each safety level take, secondary indexes and replicas included, and what other "
             "ways to a table without copies would take. Reads no item unless told: --sample P "
             "reads that part of the table, at random, and says how many copies there are and "
             "how sure that is; an export is read whole, which is exact. Prices are of one day, "
             "which is printed. Deletes nothing.",
         .positional = KO_OPTION_NONE,
         .examples = {{"from the table's size alone, if 2 percent are copies",
                       "keepone estimate --table space-diff --duplicates 2 --write-units 500"},
                      {"with a sample of a tenth of the table",
                       "keepone estimate --table space-diff --key cause --sample 10 \\\n"
                       "    --read-units 50%"},
                      {"exactly, from an export",
                       "keepone estimate --export exports/0173 --table space-diff --key cause"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_STOPPED, KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS,
                   KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY, KO_E_COMM, KO_E_BUG}},
    [KO_VERB_POLICY] =
        {.name = "policy",
         .purpose = "print the IAM policies that a job file needs",
         .usage = "policy JOB.yaml [OPTION]...",
         .about = "Prints one JSON object with a policy for `finding` (find, verify, estimate, "
                  "export), which changes nothing in the table, and one for `applying` (apply, "
                  "undo); dedup needs both; with --assume-role also one for `calling`, the "
                  "identity that assumes the role. Each allows what keepone sends and nothing "
                  "else, on this table and these places. Options on the command line win over "
                  "the file. Asks nobody: what cannot be known stands as ${AccountId} and the "
                  "like, and is to be filled in.",
         .positional = KO_OPTION_JOB,
         .word = "JOB.yaml",
         .examples = {{"the policy for finding",
                       "keepone policy jobs/space-diff.yaml | jq .finding"},
                      {"with the table's full name",
                       "keepone policy jobs/space-diff.yaml \\\n    --table "
                       "arn:aws:dynamodb:eu-west-1:111122223333:table/space-diff"}},
         .exits = {KO_E_OPTION, KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY}},
    [KO_VERB_RUN] =
        {.name = "run",
         .purpose = "do what a job file says",
         .usage = "run JOB.yaml [--check] [OPTION]...",
         .about = "A job file is a YAML mapping: `verb` (find, if left out) and the options of "
                  "that verb by their names, such as `key: [handle, message]` or `yes: true`. "
                  "Options on the command line win over the file. Paths in the file start at the "
                  "folder in which keepone is started.",
         .positional = KO_OPTION_JOB,
         .word = "JOB.yaml",
         .examples = {{"only look whether the file is good",
                       "keepone run jobs/space-diff.yaml --check"},
                      {"with 4 ranks", "mpirun -q -n 4 keepone run jobs/space-diff.yaml"},
                      {"the same job on DynamoDB Local",
                       "keepone run jobs/space-diff.yaml --endpoint http://127.0.0.1:8000"}},
         .exits = {KO_E_OPTION, KO_E_REFUSED, KO_E_UNCLEAN, KO_E_PARTIAL, KO_E_STOPPED,
                   KO_E_THROTTLED, KO_E_AWS, KO_E_ACCESS, KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY,
                   KO_E_COMM, KO_E_BUG}},
};

static const struct {
    enum ko_code code;
    const char *meaning;
} exits[] = {
    {KO_OK, "done"},
    {KO_E_OPTION, "a bad option or job file; nothing was done"},
    {KO_E_REFUSED, "refused by a limit or guard; nothing was written to the table"},
    {KO_E_UNCLEAN, "done, but not clean: copies remain, or items were spared or had changed"},
    {KO_E_PARTIAL, "some items failed; the same command tries them again"},
    {KO_E_STOPPED, "stopped; the same command continues"},
    {KO_E_THROTTLED, "throttled for too long; the same command continues"},
    {KO_E_AWS, "a fault of the network or of AWS; the same command continues"},
    {KO_E_ACCESS, "AWS access: credentials, permissions, or no such table"},
    {KO_E_IO, "disk: a file cannot be read or written"},
    {KO_E_CORRUPT, "a file is corrupt"},
    {KO_E_MEMORY, "out of memory"},
    {KO_E_COMM, "MPI failed"},
    {KO_E_BUG, "a bug in keepone"},
};

const struct ko_verb_info *
ko_verb_info_of(enum ko_verb verb)
{
    KO_ASSERT(verb < KO_VERB_COUNT);
    return &verbs[verb];
}

enum ko_verb
ko_verb_find(struct ko_slice name)
{
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        if (ko_slice_equal(ko_slice_of(verbs[verb].name), name))
            return (enum ko_verb) verb;
    }
    return KO_VERB_COUNT;
}

const char *
ko_exit_meaning(enum ko_code code)
{
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        if (exits[i].code == code)
            return exits[i].meaning;
    }
    return NULL;
}
