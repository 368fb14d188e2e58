/* What an intake tells of its items after the ranks have found the repeats. */
#include "keepone/stage/intake.h"

#include "support/claims.h"
#include "support/mpi_test.h"

enum { MIB = 1024 * 1024 };

/* Of each candidate in the log how many items were gone over and its pk, then how many there are
 * behind the last; behind a bar the other items. */
static void
tell_all(struct ko_intake *intake, uint64_t most, size_t n_others, struct ko_buf *text,
         struct ko_error *err)
{
    struct ko_slice values[KO_LOOKED_MAX];
    uint64_t n_items = 1;
    bool is_candidate;

    while (n_items > 0) {
        KO_TRY(ko_intake_next_logged(intake, most, &n_items, &is_candidate, err));
        ko_buf_add_format(text, "%d", (int) n_items);
        if (is_candidate) {
            KO_TRY(ko_intake_logged_values(intake, values, err));
            ko_buf_add(text, values[0].data + 6, 1);
        }
        ko_buf_add_char(text, ' ');
    }
    ko_buf_add_text(text, "|");
    for (size_t i = 0; i < n_others; i++) {
        struct ko_repeats_answer answer;

        KO_TRY(ko_intake_next(intake, &answer, err));
        ko_buf_add_text(text, answer.is_none ? " n" : answer.is_repeated ? " +" : " -");
    }

done:
    ko_buf_add_char(text, '\0');
}

/* Three claims: in the log, too large for it, and behind that. */
static void
check_answers(struct ko_world *world, uint64_t log_bytes, uint64_t most, const char *expected,
              struct ko_error *err)
{
    const struct ko_rules_options rules_options = {
        .hash_name = KO_SLICE("pk"), .key = KO_SLICE("k"), .keep = KO_SLICE("oldest:t")};
    struct ko_rules *rules = ko_rules_new(&rules_options, err);
    const struct ko_intake_options options = {.rules = rules,
                                              .may_lack_attributes = true,
                                              .repeats_bytes = 8 * MIB,
                                              .log_bytes = log_bytes};
    struct ko_intake *intake = ko_intake_new(&options, err);
    struct ko_repeats_stats stats;
    struct ko_buf lines = {0};
    struct ko_buf text = {0};
    const int rank = ko_world_rank(world);

    ko_buf_add_format(&lines, "a k=x%d\nu k=u%d\nb\nc k=y%d\nd", rank, rank, rank);
    ko_buf_add_char(&lines, '\0');
    (void) claim_read(intake, rules, 0, lines.data, err);
    ko_buf_reset(&lines);
    ko_buf_add_format(&lines, "e\nf k=x%d\ng k=z%d t=", rank, rank);
    for (size_t i = 0; i < 5 * MIB; i++)
        ko_buf_add_char(&lines, 'x');
    ko_buf_add_char(&lines, '\0');
    (void) claim_read(intake, rules, 1, lines.data, err);
    ko_buf_reset(&lines);
    ko_buf_add_format(&lines, "h k=v%d\ni k=y%d", rank, rank);
    ko_buf_add_char(&lines, '\0');
    (void) claim_read(intake, rules, 2, lines.data, err);
    (void) ko_intake_finish(intake, world, &stats, err);
    if (err->code == KO_OK)
        tell_all(intake, most, log_bytes == 0 ? 10 : 5, &text, err);
    CHECK_TEXT(text.data == NULL ? "" : text.data, expected);
    ko_buf_clear(&lines);
    ko_buf_clear(&text);
    ko_intake_free(intake);
    ko_rules_free(rules);
}

static void
answers_come_in_the_order_of_the_items(struct ko_world *world, struct ko_error *err)
{
    check_answers(world, 0, 100, "0 | + - n + n n + - - +", err);
}

static void
rows_of_the_log_come_first(struct ko_world *world, struct ko_error *err)
{
    check_answers(world, 3 * MIB, 100, "1a 3c 1 0 | n + - - +", err);
    check_answers(world, 3 * MIB, 1, "1a 1 1 1c 1 0 | n + - - +", err);
}

CASES = {
    CASE(answers_come_in_the_order_of_the_items),
    CASE(rows_of_the_log_come_first),
};
RUN_CASES
