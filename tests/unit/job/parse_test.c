#include "unit/job/job_support.h"

#define FIND "find --table t --key a --keep any --run r"
#define FIND_TEXT \
    "{\"keep\":[\"any\"],\"key\":[\"a\"],\"run\":\"r\",\"table\":\"t\",\"verb\":\"find\"}"

static void
a_value_stands_behind_a_blank_or_an_equals_sign(void)
{
    CHECK_LINES(
        {FIND, FIND_TEXT}, {"find --table=t --key=a --keep=any --run=r", FIND_TEXT},
        {"find --table t --key a --keep any --run=a=b", "{\"keep\":[\"any\"],\"key\":[\"a\"],"
                                                        "\"run\":\"a=b\",\"table\":\"t\","
                                                        "\"verb\":\"find\"}"},
        {FIND " --where 'status = \"old\"'",
         "{\"keep\":[\"any\"],\"key\":[\"a\"],\"run\":\"r\",\"table\":\"t\",\"verb\":\"find\","
         "\"where\":\"status = \\\"old\\\"\"}"});
}

static void
every_verb_takes_its_options(void)
{
    CHECK_LINES(
        {"find --export e --primary-key pk,sk --key h:lower:trim,m --keep oldest:d,any --same p "
         "--missing-key error --max-group 0 --ttl x --no-md5 --run r --memory 512M --progress none "
         "--json --in-flight 64 --log-level debug --endpoint http://h:1 --region eu-west-1",
         "{\"endpoint\":\"http://h:1\",\"export\":\"e\",\"in-flight\":64,\"json\":true,"
         "\"keep\":[\"oldest:d\",\"any\"],\"key\":[\"h:lower:trim\",\"m\"],"
         "\"log-level\":\"debug\",\"max-group\":0,\"memory\":536870912,\"missing-key\":\"error\","
         "\"no-md5\":true,\"primary-key\":[\"pk\",\"sk\"],\"progress\":\"none\","
         "\"region\":\"eu-west-1\",\"run\":\"r\",\"same\":[\"p\"],\"ttl\":\"x\","
         "\"verb\":\"find\"}"},
        {"find --table t --key a --keep any --run r --consistent --segments 1000000",
         "{\"consistent\":true,\"keep\":[\"any\"],\"key\":[\"a\"],\"run\":\"r\","
         "\"segments\":1000000,\"table\":\"t\",\"verb\":\"find\"}"},
        {"show r --review --samples 0",
         "{\"review\":true,\"run\":\"r\",\"samples\":0,\"verb\":\"show\"}"},
        {"plan r --only f", "{\"only\":\"f\",\"run\":\"r\",\"verb\":\"plan\"}"},
        {"apply r --safety transact --unchanged --yes --max-delete 7 --max-delete-percent 0.25 "
         "--no-pitr-check",
         "{\"max-delete\":7,\"max-delete-percent\":0.25,\"no-pitr-check\":true,\"run\":\"r\","
         "\"safety\":\"transact\",\"unchanged\":true,\"verb\":\"apply\",\"yes\":true}"},
        {"verify r --consistent", "{\"consistent\":true,\"run\":\"r\",\"verb\":\"verify\"}"},
        {"verify --table t --key a", "{\"key\":[\"a\"],\"table\":\"t\",\"verb\":\"verify\"}"},
        {"undo r --yes", "{\"run\":\"r\",\"verb\":\"undo\",\"yes\":true}"},
        {"dedup --table t --key a --keep any --run r --yes --max-delete 1",
         "{\"keep\":[\"any\"],\"key\":[\"a\"],\"max-delete\":1,\"run\":\"r\",\"table\":\"t\","
         "\"verb\":\"dedup\",\"yes\":true}"});
}

static void
list_elements_are_separated_by_commas_or_given_again(void)
{
    CHECK_LINES({"verify --table t --key a,b --key c",
                 "{\"key\":[\"a\",\"b\",\"c\"],\"table\":\"t\",\"verb\":\"verify\"}"},
                {"verify --table t --key ' a , b'",
                 "{\"key\":[\"a\",\"b\"],\"table\":\"t\",\"verb\":\"verify\"}"},
                {"verify --table t --key a\\,b,c\\\\,d",
                 "{\"key\":[\"a\\\\,b\",\"c\\\\\\\\\",\"d\"],\"table\":\"t\",\"verb\":\"verify\"}"},
                {"verify --table t --key a,,b",
                 "option: --key: element 2 of the list is empty | take out the comma that is too "
                 "many."},
                {"verify --table t --key a,",
                 "option: --key: element 2 of the list is empty | take out the comma that is too "
                 "many."},
                {"verify --table t --key a\\",
                 "option: --key: 'a\\' ends in a backslash | write a backslash that belongs to a "
                 "name twice."});
}

static void
a_list_is_joined_for_whoever_reads_its_content(void)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};

    parse_line("verify --table t --key a:lower, --key b", &job, &print, &err);
    CHECK_CODE(err, KO_E_OPTION);
    ko_job_clear(&job);
    err = (struct ko_error){0};
    parse_line("verify --table t --key a:lower,b\\,x --key c", &job, &print, &err);
    CHECK_OK(err);
    assert_int_equal(job.key.n, 3);
    CHECK_TEXT(job.key.joined, "a:lower,b\\,x,c");
    assert_null(job.same.joined);
    ko_job_clear(&job);
}

static void
numbers_have_units_and_ranges(void)
{
#define SEGMENTS(value, says) {FIND " --segments " value, "option: --segments: " says}
#define MEMORY(value, says)             \
    {                                   \
        "apply r --memory " value, says \
    }
#define PERCENT(value, says)                        \
    {                                               \
        "apply r --max-delete-percent " value, says \
    }
    CHECK_LINES(
        SEGMENTS("0", "'0' is out of range | give 1 to 1000000 segments."),
        SEGMENTS("1000001", "'1000001' is out of range | give 1 to 1000000 segments."),
        SEGMENTS("1x", "'1x' is not a number of segments | write a whole number, such as 1000."),
        SEGMENTS("-1", "'-1' is not a number of segments | write a whole number, such as 1000."),
        SEGMENTS("99999999999999999999",
                 "'99999999999999999999' is not a number of segments | write a whole number, such "
                 "as 1000."),
        {"apply r --max-delete 0",
         "option: --max-delete: '0' is out of range | give 1 or more items."},
        {"apply r --max-delete 18446744073709551615",
         "{\"max-delete\":18446744073709551615,\"run\":\"r\",\"verb\":\"apply\"}"},
        MEMORY("12582912", "{\"memory\":12582912,\"run\":\"r\",\"verb\":\"apply\"}"),
        MEMORY("12288K", "{\"memory\":12582912,\"run\":\"r\",\"verb\":\"apply\"}"),
        MEMORY("3Gi", "{\"memory\":3221225472,\"run\":\"r\",\"verb\":\"apply\"}"),
        MEMORY("1T", "{\"memory\":1099511627776,\"run\":\"r\",\"verb\":\"apply\"}"),
        MEMORY("4096K", "option: --memory: '4096K' is out of range | give 12M to 1024T bytes."),
        MEMORY("99999999999999T",
               "option: --memory: '99999999999999T' is not a number of bytes | write a whole "
               "number with K, M, G or T (powers of 1024), such as 512M."),
        MEMORY("5MB", "option: --memory: '5MB' is not a number of bytes | write a whole number "
                      "with K, M, G or T (powers of 1024), such as 512M."),
        PERCENT("100", "{\"max-delete-percent\":100,\"run\":\"r\",\"verb\":\"apply\"}"),
        PERCENT("0.0001", "{\"max-delete-percent\":0.0001,\"run\":\"r\",\"verb\":\"apply\"}"),
        PERCENT("2.50", "{\"max-delete-percent\":2.5,\"run\":\"r\",\"verb\":\"apply\"}"),
        PERCENT("0", "option: --max-delete-percent: '0' is out of range | give 0.0001 to 100 "
                     "percent."),
        PERCENT("100.0001", "option: --max-delete-percent: '100.0001' is out of range | give "
                            "0.0001 to 100 percent."),
        PERCENT("1.00001", "option: --max-delete-percent: '1.00001' is not a number of percent | "
                           "write a number with up to four decimals, such as 50 or 0.25."),
        PERCENT("1.", "option: --max-delete-percent: '1.' is not a number of percent | write a "
                      "number with up to four decimals, such as 50 or 0.25."));
}

static void
fields_have_the_units_their_comments_say(void)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};

    parse_line("apply r --memory 16M --max-delete-percent 0.25 --safety transact --progress plain "
               "--log-level warn",
               &job, &print, &err);
    CHECK_OK(err);
    assert_true(job.memory_bytes == 16777216);
    assert_true(job.max_delete_ppm == 2500);
    assert_true(job.max_delete == 0);
    assert_true(job.in_flight == 32);
    assert_int_equal(job.safety, KO_JOB_SAFETY_TRANSACT);
    assert_int_equal(job.progress, KO_JOB_PROGRESS_PLAIN);
    assert_int_equal(job.log_level, KO_LOG_WARN);
    assert_int_equal(job.missing_key, KO_MISSING_SKIP);
    ko_job_clear(&job);
}

static void
a_bad_value_names_its_option(void)
{
    CHECK_LINES(
        {FIND " --missing-key skp",
         "option: --missing-key: 'skp' is none of skip, error, group | did you mean 'skip'?"},
        {FIND " --missing-key 7", "option: --missing-key: '7' is none of skip, error, group | give "
                                  "one of skip, error, group."},
        {FIND " --endpoint host:8000", "option: --endpoint: 'host:8000' is no URL | write it with "
                                       "http:// or https://, such as http://127.0.0.1:8000."},
        {FIND " --json=yes", "option: --json: 'yes' is neither true nor false | write true or "
                             "false."},
        {"find --table=", "option: --table: the value is empty | give a value, or leave the option "
                          "out."},
        {"find --table \xff", "option: --table: the value is not valid UTF-8 (byte 0) | write "
                              "names and texts in UTF-8."});
}

static void
a_missing_value_is_not_taken_from_the_next_option(void)
{
    CHECK_LINES(
        {"find --table --key a",
         "option: --table: the value is missing | write --table NAME; a value that begins "
         "with dashes is written --table=VALUE."},
        {"verify --key a --table",
         "option: --table: the value is missing | write --table NAME; a value that begins "
         "with dashes is written --table=VALUE."},
        {"verify --key a --table=--t", "{\"key\":[\"a\"],\"table\":\"--t\",\"verb\":\"verify\"}"});
}

static void
an_option_given_twice_is_refused(void)
{
    CHECK_LINES({"find --table a --table b", "option: --table: given twice | leave one of them "
                                             "out."},
                {"show r s", "option: --run: given twice | leave one of them out."},
                {"undo r --yes --yes", "option: --yes: given twice | leave one of them out."});
}

static void
unknown_names_bring_a_suggestion(void)
{
    CHECK_LINES(
        {"find --tabel t", "option: unknown option '--tabel' | did you mean '--table'? 'keepone "
                           "find --help' lists the options."},
        {"find --samen 3", "option: unknown option '--samen' | did you mean '--same'? 'keepone "
                           "find --help' lists the options."},
        {"find --colour=red", "option: unknown option '--colour' | 'keepone find --help' lists the "
                              "options."},
        {"find --seg 4", "option: unknown option '--seg' | 'keepone find --help' lists the "
                         "options."},
        {"show r --keep any", "option: '--keep' is no option of 'show' | it belongs to 'find'; "
                              "'keepone show --help' lists what 'show' takes."},
        {"find -t t", "option: unknown option '-t' | options are written out with two dashes; "
                      "'keepone find --help' lists them."},
        {"fnid --table t", "option: unknown verb 'fnid' | did you mean 'find'? 'keepone --help' "
                           "lists the verbs."},
        {"purge", "option: unknown verb 'purge' | 'keepone --help' lists the verbs."},
        {"", "option: nothing to do | 'keepone --help' lists what keepone can do."});
}

static void
a_word_too_many_is_refused(void)
{
    CHECK_LINES({"find t", "option: unexpected word 't' | usage: keepone find SOURCE --key LIST "
                           "--keep LIST --run DIR [OPTION]..."},
                {"show -- --odd", "{\"run\":\"--odd\",\"verb\":\"show\"}"});
}

static void
check_print(const char *line, const char *starts)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};

    parse_line(line, &job, &print, &err);
    CHECK_OK(err);
    assert_true(print.n >= strlen(starts));
    CHECK_SLICE(((struct ko_slice){print.data, strlen(starts)}), starts);
    ko_buf_clear(&print);
    ko_job_clear(&job);
}

static void
help_and_version_are_texts_to_print(void)
{
    check_print("--version", "keepone " KEEPONE_VERSION "\n");
    check_print("--help", "keepone: keep one item per key");
    check_print("-h", "keepone: keep one item per key");
    check_print("--help=man", ".TH KEEPONE 1");
    check_print("--help=schema", "{\n  \"$schema\": ");
    check_print("find --help", "keepone find: ");
    check_print("find --table t --help --nonsense", "keepone find: ");
    check_print("run -h", "keepone run: ");
}

static void
a_failed_allocation_leaks_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        struct ko_job job = {0};
        struct ko_buf print = {0};
        struct ko_error err = {0};

        ko_mem_fail_nth(n);
        parse_line(FIND, &job, &print, &err);
        ko_mem_fail_nth(0);
        ko_job_clear(&job);
        ko_buf_clear(&print);
        if (err.code == KO_OK) {
            assert_true(n > 2);
            break;
        }
        CHECK_CODE(err, KO_E_MEMORY);
    }
}

CASES = {
    CASE(a_value_stands_behind_a_blank_or_an_equals_sign),
    CASE(every_verb_takes_its_options),
    CASE(list_elements_are_separated_by_commas_or_given_again),
    CASE(a_list_is_joined_for_whoever_reads_its_content),
    CASE(numbers_have_units_and_ranges),
    CASE(fields_have_the_units_their_comments_say),
    CASE(a_bad_value_names_its_option),
    CASE(a_missing_value_is_not_taken_from_the_next_option),
    CASE(an_option_given_twice_is_refused),
    CASE(unknown_names_bring_a_suggestion),
    CASE(a_word_too_many_is_refused),
    CASE(help_and_version_are_texts_to_print),
    CASE(a_failed_allocation_leaks_nothing),
};
RUN_CASES
