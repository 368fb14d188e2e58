/* What an intake tells of its items after the ranks have found the repeats. */
#include "keepone/stage/intake.h"

#include "support/claims.h"
#include "support/mpi_test.h"

enum { MIB = 1024 * 1024 };

/* The pk of each row of the log, with a plus for candidates; behind a bar the other items. */
static void
tell_all(struct ko_intake *intake, size_t n_others, struct ko_buf *text, struct ko_error *err)
{
    struct ko_slice values[KO_LOOKED_MAX];
    bool has_row = true;
    bool is_candidate;

    while (err->code == KO_OK) {
        KO_TRY(ko_intake_next_logged(intake, &has_row, &is_candidate, err));
        if (!has_row)
            break;
        KO_TRY(ko_intake_logged_values(intake, values, err));
        ko_buf_add_format(text, "%.*s%s ", 1, values[0].data + 6, is_candidate ? "+" : "");
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
check_answers(struct ko_world *world, uint64_t log_bytes, const char *expected,
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

    ko_buf_add_format(&lines, "a k=x%d\nb\nc k=y%d\nd", rank, rank);
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
        tell_all(intake, log_bytes == 0 ? 9 : 5, &text, err);
    CHECK_TEXT(text.data == NULL ? "" : text.data, expected);
    ko_buf_clear(&lines);
    ko_buf_clear(&text);
    ko_intake_free(intake);
    ko_rules_free(rules);
}

static void
answers_come_in_the_order_of_the_items(struct ko_world *world, struct ko_error *err)
{
    check_answers(world, 0, "| + n + n n + - - +", err);
}

static void
rows_of_the_log_come_first(struct ko_world *world, struct ko_error *err)
{
    check_answers(world, 3 * MIB, "a+ c+ | n + - - +", err);
}

CASES = {
    CASE(answers_come_in_the_order_of_the_items),
    CASE(rows_of_the_log_come_first),
};
RUN_CASES
