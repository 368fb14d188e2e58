/* What writing verbs need before the first write: the right table, a yes, an attempt of their own.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "keepone/base/log.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/store/journal.h"

/* KEY_TEXT_BYTES: two names of 255 bytes at most. */
enum { ANSWER_POLL_MS = 1000, KEY_TEXT_BYTES = 640 };

/* "pk,sk", or "pk". */
static void
join_key(char text[KEY_TEXT_BYTES], struct ko_slice hash, struct ko_slice range)
{
    (void) snprintf(text, KEY_TEXT_BYTES, "%.*s%s%.*s", KO_SLICE_ARG(hash), range.n > 0 ? "," : "",
                    KO_SLICE_ARG(range));
}

/* An export does not say its table's key: it was the user's word. */
static enum ko_code
check_key(const struct ko_session *session, const struct ko_table *table, struct ko_error *err)
{
    const struct ko_run_key *const planned = session->run->facts.primary_key;
    const struct ko_slice range = table->has_range ? ko_slice_of(table->range.name) : KO_SLICE("");
    char was[KEY_TEXT_BYTES];
    char is[KEY_TEXT_BYTES];

    join_key(was, planned[0].name, planned[1].name);
    join_key(is, ko_slice_of(table->hash.name), range);
    if (strcmp(was, is) != 0) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "the plan was made with --primary-key %s, but that of table '%s' is %s", was,
                       table->name, is);
        ko_hint(err, "find again with --primary-key %s.", is);
    }
    return err->code;
}

static enum ko_code
check_table(const struct ko_session *session, const struct ko_table *table, struct ko_error *err)
{
    const struct ko_slice planned = session->run->facts.table_id;

    if (strcmp(table->status, "ACTIVE") != 0 && strcmp(table->status, "UPDATING") != 0) {
        (void) ko_fail(err, KO_E_REFUSED, "table '%s' is %s", table->name, table->status);
        ko_hint(err, "try again when it is ACTIVE.");
    } else if (!ko_table_may_be(table, planned)) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "the plan is for the table with id %.*s, but table '%s' has the id %s",
                       KO_SLICE_ARG(planned), table->name, table->id);
        ko_hint(err, "a plan is bound to its table; find again on this one.");
    } else if (!ko_slice_equal(planned, ko_slice_of(table->id))) {
        ko_session_warn(session, "the table's id is not known, so only its name was compared");
    }
    return err->code == KO_OK ? check_key(session, table, err) : err->code;
}

enum ko_code
ko_session_bind_table(struct ko_session *session, struct ko_table *table, struct ko_error *err)
{
    const struct ko_run_facts *facts = &session->run->facts;
    char name[KO_TABLE_NAME_BYTES];
    char endpoint[KO_ENDPOINT_URL_BYTES] = "";
    char region[KO_REGION_BYTES] = "";

    (void) snprintf(name, sizeof name, "%.*s", KO_SLICE_ARG(facts->table_name));
    (void) snprintf(endpoint, sizeof endpoint, "%.*s", KO_SLICE_ARG(facts->endpoint));
    (void) snprintf(region, sizeof region, "%.*s", KO_SLICE_ARG(facts->region));
    (void) ko_session_connect(session, endpoint[0] == '\0' ? NULL : endpoint,
                              region[0] == '\0' ? NULL : region, err);
    KO_TRY(ko_session_describe(session, name, table, err));
    KO_TRY(check_table(session, table, err));
    KO_TRY(ko_session_set_caps(session, table, err));

done:
    return err->code;
}

/* Whoever thinks for long keeps the lease, and whoever presses ^C is obeyed. */
static enum ko_code
wait_for_answer(struct ko_session *session, struct ko_error *err)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    while (poll(&input, 1, ANSWER_POLL_MS) <= 0) {
        if (ko_world_stop_wanted(session->world))
            return ko_fail(err, KO_E_STOPPED, "stopped by a signal: nothing was done");
        KO_TRY(ko_session_pulse(session, err));
    }

done:
    return err->code;
}

/* Under mpirun stdin is never a terminal, whatever it looks like. */
static enum ko_code
ask(struct ko_session *session, const char *question, struct ko_error *err)
{
    char answer[16] = "";

    if (ko_world_is_under_mpirun(session->world) || !isatty(STDIN_FILENO)) {
        (void) ko_fail(err, KO_E_REFUSED, "nobody said yes to: %s", question);
        ko_hint(err, "look at the plan with keepone show, then run this command with --yes.");
        return err->code;
    }
    (void) fprintf(stderr, "%s Type yes to go on: ", question);
    KO_TRY(wait_for_answer(session, err));
    if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "yes\n") != 0)
        (void) ko_fail(err, KO_E_REFUSED, "the answer was not yes: nothing was done");

done:
    return err->code;
}

enum ko_code
ko_session_confirm(struct ko_session *session, const char *question, struct ko_error *err)
{
    if (!session->job.yes && ko_session_is_first(session) && err->code == KO_OK)
        (void) ask(session, question, err);
    return ko_gate(session->world, err);
}

enum ko_code
ko_session_pulse(void *self, struct ko_error *err)
{
    struct ko_session *session = self;

    return session->lease == NULL ? KO_OK : ko_lease_renew(session->lease, err);
}

enum ko_code
ko_session_begin_writing(struct ko_session *session, enum ko_run_state state, struct ko_error *err)
{
    if (session->lease != NULL && err->code == KO_OK &&
        ko_lease_check(session->lease, err) == KO_OK)
        (void) ko_session_pulse(session, err);
    return ko_session_set_state(session, state, err);
}

enum ko_code
ko_session_set_state(struct ko_session *session, enum ko_run_state state, struct ko_error *err)
{
    if (ko_session_is_first(session) && err->code == KO_OK)
        (void) ko_run_set_state(session->run, state, err);
    return ko_gate(session->world, err);
}

enum ko_code
ko_session_next_attempt(struct ko_session *session, uint32_t *attempt, struct ko_error *err)
{
    uint64_t number = 0;

    *attempt = 0;
    if (ko_session_is_first(session) && err->code == KO_OK)
        (void) ko_journal_next_attempt(session->run->dir, attempt, err);
    number = *attempt;
    if (ko_world_max(session->world, &number, 1, err) == KO_OK)
        *attempt = (uint32_t) number;
    return err->code;
}
