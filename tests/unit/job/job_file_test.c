#include <stdlib.h>
#include <unistd.h>

#include "keepone/base/file.h"
#include "unit/job/job_support.h"

#define REST "keep: any\nrun: r\n"
#define FIND_TEXT \
    "{\"keep\":[\"any\"],\"key\":[\"a\"],\"run\":\"r\",\"table\":\"t\",\"verb\":\"find\"}"

static void
a_job_file_says_what_a_command_line_says(void)
{
    CHECK_YAMLS(
        {"table: t\nkey: a\n" REST, FIND_TEXT},
        {"# a story\n---\nverb: find\ntable: 't'\nkey: [a]\n" REST "...\n", FIND_TEXT},
        {"{table: t, key: a, keep: [any], run: r}", FIND_TEXT},
        {"\xEF\xBB\xBFtable: t\r\nkey: a\r\nkeep: any\r\nrun: r\r\n", FIND_TEXT},
        {"table: t\nkey: handle:lower:trim, message\nkeep:\n  - oldest:at\n  - any\nrun: r\n"
         "where: status = \"old\" AND attempts > 3\nmemory: 2G\nconsistent: true\nno-md5: false\n",
         "{\"consistent\":true,\"keep\":[\"oldest:at\",\"any\"],\"key\":[\"handle:lower:trim\","
         "\"message\"],\"memory\":2147483648,\"run\":\"r\",\"table\":\"t\",\"verb\":\"find\","
         "\"where\":\"status = \\\"old\\\" AND attempts > 3\"}"},
        {"verb: apply\nrun: r\nyes: true\nmax-delete-percent: 0.5\nmax-delete: 12\n",
         "{\"max-delete\":12,\"max-delete-percent\":0.5,\"run\":\"r\",\"verb\":\"apply\","
         "\"yes\":true}"});
}

static void
an_element_of_a_list_is_taken_as_it_is(void)
{
    CHECK_YAMLS({"table: t\nkey: a\nkeep: ['equals:s=x,y', any]\nrun: r\n",
                 "{\"keep\":[\"equals:s=x,y\",\"any\"],\"key\":[\"a\"],\"run\":\"r\","
                 "\"table\":\"t\",\"verb\":\"find\"}"},
                {"table: t\nkey: [a, b, c, d, e]\n" REST,
                 "{\"keep\":[\"any\"],\"key\":[\"a\",\"b\",\"c\",\"d\",\"e\"],\"run\":\"r\","
                 "\"table\":\"t\",\"verb\":\"find\"}"});
}

static void
a_comma_within_an_element_is_escaped_when_joined(void)
{
    struct ko_job job = {0};
    struct ko_error err = {0};

    if (ko_job_init(&job, &err) == KO_OK)
        (void) ko_job_parse_text(
            KO_SLICE("table: t\nkey: a\nkeep: ['equals:s=x,y\\,z', any]\nrun: r\n"), "j.yaml", &job,
            &err);
    CHECK_OK(err);
    CHECK_TEXT(job.keep.joined, "equals:s=x\\,y\\,z,any");
    ko_job_clear(&job);
}

static void
what_is_wrong_in_the_yaml_has_its_line(void)
{
#define NOT_YAML(problem)                                                                        \
    "not valid YAML: " problem " | a job file has lines such as 'key: cause'; put a value with " \
    "special characters between quotes."
    CHECK_YAMLS(
        {"", "option: j.yaml:1: the job file is empty | write the options of the job, such as "
             "'table: space-diff'."},
        {"# nothing\n", "option: j.yaml:1: the job file is empty | write the options of the job, "
                        "such as 'table: space-diff'."},
        {"table: t\nkey: [a, b\n",
         "option: j.yaml:3: " NOT_YAML("did not find expected ',' or ']'")},
        {"table: t\n  key: a\n",
         "option: j.yaml:2: " NOT_YAML("mapping values are not allowed in this context")},
        {"table: t\nkey: 'a\n", "option: j.yaml:3: " NOT_YAML("found unexpected end of stream")},
        {"table: t\nkey: a\nkeep: \xff\n",
         "option: j.yaml:3: " NOT_YAML("invalid leading UTF-8 octet")},
        {"table: t\nkey: \x01\n",
         "option: j.yaml:2: " NOT_YAML("control characters are not allowed")},
        {"- a\n- b\n", "option: j.yaml:1: a job file is a mapping of option names to values | "
                       "write lines such as 'key: cause'."},
        {"table\n", "option: j.yaml:1: a job file is a mapping of option names to values | write "
                    "lines such as 'key: cause'."},
        {"table: t\n---\ntable: u\n",
         "option: j.yaml:2: a second document begins here | write one job per file."});
}

static void
what_yaml_can_but_a_job_file_cannot_is_refused(void)
{
#define ANCHORS                                                                                  \
    "anchors (&) and aliases (*) have no place in a job file | write the value out; put quotes " \
    "round a text that begins with & or *."
#define TAGS                                                                                  \
    "tags (!) have no place in a job file | take the tag away; put quotes round a text that " \
    "begins with !."
#define NESTED "values do not nest | write one value, or a list of values."
    CHECK_YAMLS({"table: t\nkey: &k a\n", "option: j.yaml:2: " ANCHORS},
                {"table: t\nkey: *k\n", "option: j.yaml:2: " ANCHORS},
                {"table: t\nkey:\n  - a\n  - *k\n", "option: j.yaml:4: " ANCHORS},
                {"table: t\nkey: &k [a]\n", "option: j.yaml:2: " ANCHORS},
                {"&k\ntable: t\n", "option: j.yaml:1: " ANCHORS},
                {"table: t\n*k : a\n", "option: j.yaml:2: " ANCHORS},
                {"table: !!str t\n", "option: j.yaml:1: " TAGS},
                {"table: t\nkey: !list [a]\n", "option: j.yaml:2: " TAGS},
                {"!job\ntable: t\n", "option: j.yaml:1: " TAGS},
                {"table: t\nkey:\n  a: b\n", "option: j.yaml:3: " NESTED},
                {"table: t\nkey: [a, [b]]\n", "option: j.yaml:2: " NESTED},
                {"table: t\nkey: [a: b]\n", "option: j.yaml:2: " NESTED},
                {"table: t\n? [key]\n: a\n", "option: j.yaml:2: an option's name is expected | "
                                             "write lines such as 'key: cause'."});
}

static void
a_value_is_there_and_there_once(void)
{
#define MISSING "the value is missing | write a value behind the colon, or take the line out."
    CHECK_YAMLS(
        {"table: t\nkey:\nrun: r\n", "option: j.yaml:2: " MISSING},
        {"table: t\nkey: ~\n", "option: j.yaml:2: " MISSING},
        {"table: t\nkey: null\n", "option: j.yaml:2: " MISSING},
        {"table: t\nkey: [a, ]\nsame: [b, ~]\n", "option: j.yaml:3: " MISSING},
        {"table: t\nkey: []\n", "option: j.yaml:2: the list is empty | write at least one value, "
                                "or take the line out."},
        {"table: t\nkey: ''\n", "option: j.yaml:2: key: element 1 of the list is empty | take out "
                                "the comma that is too many."},
        {"table: ''\n", "option: j.yaml:1: table: the value is empty | give a value, or leave the "
                        "option out."},
        {"table: t\nkey: a\ntable: t\n", "option: j.yaml:3: table: given twice | it is in line 1, "
                                         "too: leave one of them out."},
        {"key: a\nkey: b\n", "option: j.yaml:2: key: given twice | it is in line 1, too: leave one "
                             "of them out."},
        {"table: [t, u]\n", "option: j.yaml:1: table: a list, where one value is expected | write "
                            "the value without brackets or dashes."},
        {"table: \"a\\0b\"\n", "option: j.yaml:1: table: the value has a NUL character in it | "});
}

static void
names_and_values_are_checked_with_their_line(void)
{
    CHECK_YAMLS(
        {"table: t\nmax_group: 7\n",
         "option: j.yaml:2: unknown option 'max_group' | did you mean 'max-group'? 'keepone find "
         "--help' lists the options."},
        {"# a\n# b\ntable: t\n--key: a\n",
         "option: j.yaml:4: unknown option '--key' | did you mean 'key'? 'keepone find --help' "
         "lists the options."},
        {"table: t\nyes: true\n", "option: j.yaml:2: 'yes' is no option of 'find' | it belongs to "
                                  "'apply'; 'keepone find --help' lists what 'find' takes."},
        {"table: t\njob: other.yaml\n",
         "option: j.yaml:2: 'job' is no option of 'find' | it belongs to 'run'; 'keepone find "
         "--help' lists what 'find' takes."},
        {"table: t\nmax-group: many\n", "option: j.yaml:2: max-group: 'many' is not a number of "
                                        "items | write a whole number, such as 1000."},
        {"verb: apply\nrun: r\n\nyes: yes\n", "option: j.yaml:4: yes: 'yes' is neither true nor "
                                              "false | write true or false."},
        {"table: t\nkey: a\n", "option: j.yaml: 'find' needs --keep LIST | it is which of the "
                               "copies stays, by ranked rules: oldest:attr, newest:attr, min:attr, "
                               "max:attr, has:attr, equals:attr=value, any."},
        {"export: e\nprimary-key: pk\nkey: a\nwhere: b = 1\n" REST,
         "option: j.yaml:4: --where filters a live scan; an export is read whole | leave --where "
         "out, or scan the table."});
}

static void
the_verb_is_one_that_works(void)
{
    CHECK_YAMLS(
        {"run: r\nverb: fnd\n", "option: j.yaml:2: verb: unknown verb 'fnd' | did you mean "
                                "'find'? 'keepone --help' lists the verbs."},
        {"verb: run\n", "option: j.yaml:1: verb: a job file cannot run another | name the verb "
                        "that does the work, such as find."},
        {"verb: [find, apply]\n", "option: j.yaml:1: verb: a list, where one value is expected | "
                                  "write one job file per verb."},
        {"run: r\nverb: show\nverb: show\n", "option: j.yaml:3: verb: given twice | it is in line "
                                             "2, too: leave one of them out."});
}

/* `keepone run FILE` and what follows, with FILE holding `yaml`. */
static void
check_run(const char *yaml, const char *arguments, const char *expected)
{
    char folder[] = "/tmp/keepone-job-XXXXXX";
    char path[KO_PATH_BYTES];
    char line[LINE_BYTES];
    char text[LINE_BYTES];
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};
    bool is_created = false;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(ko_path_join(path, &err, folder, "j.yaml"), KO_OK);
    assert_int_equal(ko_file_create(path, ko_slice_of(yaml), &is_created, &err), KO_OK);
    (void) snprintf(line, sizeof line, "run %s/j.yaml %s", folder, arguments);
    parse_line(line, &job, &print, &err);
    job_text(&job, &err, text);
    if (strstr(text, folder) != NULL) /* errors name the path; the folder's name is chance */
        memmove(strstr(text, folder), strstr(text, folder) + strlen(folder) + 1,
                strlen(strstr(text, folder) + strlen(folder) + 1) + 1);
    CHECK_TEXT(text, expected);
    ko_job_clear(&job);
    err = (struct ko_error){0};
    assert_int_equal(ko_folder_remove(folder, &err), KO_OK);
}

static void
the_command_line_wins_over_the_file(void)
{
    const char *const yaml = "table: t\nkey: [a, b]\nconsistent: true\n" REST;

    check_run(yaml, "",
              "{\"consistent\":true,\"keep\":[\"any\"],\"key\":[\"a\",\"b\"],\"run\":\"r\","
              "\"table\":\"t\",\"verb\":\"find\"}");
    check_run(yaml, "--run other --key c --key d --consistent=false",
              "{\"keep\":[\"any\"],\"key\":[\"c\",\"d\"],\"run\":\"other\",\"table\":\"t\","
              "\"verb\":\"find\"}");
    check_run(yaml, "--samples 3",
              "option: '--samples' is no option of 'find' | it belongs to 'show'; 'keepone find "
              "--help' lists what 'find' takes.");
    check_run(yaml, "--sampels 3",
              "option: unknown option '--sampels' | did you mean '--samples'? 'keepone run --help' "
              "lists the options.");
    check_run(yaml, "--run a --run b", "option: --run: given twice | leave one of them out.");
    check_run("table: t\ncolour: red\n", "",
              "option: j.yaml:2: unknown option 'colour' | 'keepone find --help' lists the "
              "options.");
}

static void
a_job_file_that_cannot_be_read_is_a_bad_option(void)
{
    CHECK_LINES({"run /nonexistent/j.yaml",
                 "option: cannot open '/nonexistent/j.yaml': No such file or directory | name a "
                 "readable job file of at most 64 KiB."});
}

static void
check_asks_for_nothing_but_the_file(void)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};
    char line[LINE_BYTES];

    (void) snprintf(line, sizeof line, "run %s/../jobs/space-diff.yaml --check",
                    getenv("KEEPONE_TESTS_DIR"));
    parse_line(line, &job, &print, &err);
    CHECK_OK(err);
    assert_true(job.check_only);
    assert_int_equal(job.verb, KO_VERB_FIND);
    ko_job_clear(&job);
}

static void
the_first_job_is_the_clean_up_of_space_diff(void)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};
    char line[LINE_BYTES];

    (void) snprintf(line, sizeof line, "run %s/../jobs/space-diff.yaml",
                    getenv("KEEPONE_TESTS_DIR"));
    parse_line(line, &job, &print, &err);
    job_text(&job, &err, line);
    CHECK_TEXT(line, "{\"keep\":[\"oldest:insertedAt\"],\"key\":[\"cause\"],"
                     "\"run\":\"runs/space-diff\",\"same\":[\"provider\"],"
                     "\"table\":\"space-diff\",\"verb\":\"find\"}");
    assert_false(job.check_only);
    ko_job_clear(&job);
}

static void
a_failed_allocation_leaks_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        struct ko_job job = {0};
        struct ko_error err = {0};

        ko_mem_fail_nth(n);
        if (ko_job_init(&job, &err) == KO_OK)
            (void) ko_job_parse_text(KO_SLICE("table: t\nkey: [a, b, c]\n" REST), "j.yaml", &job,
                                     &err);
        ko_mem_fail_nth(0);
        ko_job_clear(&job);
        if (err.code == KO_OK) {
            assert_true(n > 2);
            break;
        }
        CHECK_CODE(err, KO_E_MEMORY);
    }
}

CASES = {
    CASE(a_job_file_says_what_a_command_line_says),
    CASE(an_element_of_a_list_is_taken_as_it_is),
    CASE(a_comma_within_an_element_is_escaped_when_joined),
    CASE(what_is_wrong_in_the_yaml_has_its_line),
    CASE(what_yaml_can_but_a_job_file_cannot_is_refused),
    CASE(a_value_is_there_and_there_once),
    CASE(names_and_values_are_checked_with_their_line),
    CASE(the_verb_is_one_that_works),
    CASE(the_command_line_wins_over_the_file),
    CASE(a_job_file_that_cannot_be_read_is_a_bad_option),
    CASE(check_asks_for_nothing_but_the_file),
    CASE(a_failed_allocation_leaks_nothing),
    CASE(the_first_job_is_the_clean_up_of_space_diff),
};
RUN_CASES
