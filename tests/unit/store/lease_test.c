#include "keepone/store/lease.h"

#include <sys/wait.h>

#include "keepone/base/clock.h"
#include "run_support.h"

static char notice[KO_LEASE_NOTICE_BYTES];

static enum ko_code
open_lease(struct ko_lease **lease, struct ko_error *err)
{
    return ko_lease_open(temp_folder, 60, (struct ko_slice){NULL, 0}, lease, notice, err);
}

/* Takes and gives back. */
static enum ko_code
open_and_close(struct ko_error *err)
{
    struct ko_lease *lease = NULL;

    (void) open_lease(&lease, err);
    return ko_lease_close(lease, err);
}

static void
case_begin(void)
{
    folder_begin();
    ko_clock_set_us(1000000000000000U);
}

static void
case_end(void)
{
    ko_clock_set_us(0);
    folder_end();
}

static void
a_lease_that_is_given_back_can_be_taken_again(void)
{
    struct ko_error err = {0};

    case_begin();
    (void) open_and_close(&err);
    (void) open_and_close(&err);
    CHECK_OK(err);
    CHECK_TEXT(notice, "");
    CHECK_TEXT(folder_names(), "");
    case_end();
}

static void
a_held_lease_is_refused_with_owner_and_expiry(void)
{
    struct ko_error err = {0};
    struct ko_lease *lease = NULL;
    char pid[32];

    case_begin();
    (void) open_lease(&lease, &err);
    CHECK_OK(err);
    (void) open_and_close(&err);
    CHECK_CODE(err, KO_E_REFUSED);
    (void) snprintf(pid, sizeof pid, ":%ld", (long) getpid());
    CHECK_ERROR_SAYS(err, pid);
    CHECK_ERROR_SAYS(err, "2001-09-09T01:47:40.000Z");
    assert_non_null(strstr(err.hint, "2001-09-09T01:47:40.000Z"));
    err = (struct ko_error){0};
    (void) ko_lease_close(lease, &err);
    CHECK_OK(err);
    case_end();
}

static void
an_expired_lease_is_taken_over_with_a_notice(void)
{
    struct ko_error err = {0};
    struct ko_lease *old = NULL;
    struct ko_lease *new = NULL;

    case_begin();
    (void) open_lease(&old, &err);
    ko_clock_set_us(1000000060000000U);
    (void) open_lease(&new, &err);
    CHECK_OK(err);
    assert_non_null(strstr(notice, "has expired"));

    (void) ko_lease_renew(old, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "is lost");
    err = (struct ko_error){0};
    (void) ko_lease_close(old, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    err = (struct ko_error){0};
    (void) ko_lease_renew(new, &err);
    (void) ko_lease_close(new, &err);
    CHECK_OK(err);
    CHECK_TEXT(folder_names(), "");
    case_end();
}

static void
a_renewed_lease_lasts_longer(void)
{
    struct ko_error err = {0};
    struct ko_lease *lease = NULL;
    struct ko_buf first = {0};
    struct ko_buf text = {0};

    case_begin();
    (void) open_lease(&lease, &err);
    file_read("lease.json", &first);
    ko_clock_set_us(1000000010000000U);
    (void) ko_lease_renew(lease, &err);
    file_read("lease.json", &text);
    assert_true(ko_slice_equal(ko_buf_slice(&first), ko_buf_slice(&text)));

    ko_clock_set_us(1000000059000000U);
    (void) ko_lease_renew(lease, &err);
    ko_clock_set_us(1000000118000000U);
    CHECK_OK(err);
    (void) open_and_close(&err);
    CHECK_CODE(err, KO_E_REFUSED);
    err = (struct ko_error){0};
    (void) ko_lease_close(lease, &err);
    CHECK_OK(err);
    ko_buf_clear(&first);
    ko_buf_clear(&text);
    case_end();
}

static void
a_lease_that_was_removed_is_lost(void)
{
    struct ko_error err = {0};
    struct ko_lease *lease = NULL;

    case_begin();
    (void) open_lease(&lease, &err);
    assert_int_equal(unlink(file_at("lease.json")), 0);
    ko_clock_set_us(1000000059000000U);
    (void) ko_lease_renew(lease, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "it was removed");
    (void) ko_lease_close(lease, &err);
    case_end();
}

/* A child takes the lease and is killed before it gives it back. */
static void
take_and_die(void)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct ko_error err = {0};
        struct ko_lease *lease = NULL;

        _exit((int) open_lease(&lease, &err));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
the_lease_of_a_process_that_is_gone_is_taken_over_at_once(void)
{
    struct ko_error err = {0};

    case_begin();
    take_and_die();
    assert_true(file_exists("lease.json"));
    (void) open_and_close(&err);
    CHECK_OK(err);
    assert_non_null(strstr(notice, "is gone"));
    case_end();
}

/* Of a lease that was taken when the case began. */
static void
check_kept_until_it_expires(void)
{
    struct ko_error err = {0};

    (void) open_and_close(&err);
    CHECK_CODE(err, KO_E_REFUSED);
    ko_clock_set_us(1000000060000000U);
    err = (struct ko_error){0};
    (void) open_and_close(&err);
    CHECK_OK(err);
}

/* A child takes the lease for itself and this process, or for one of another host, and is killed.
 */
static void
take_for_two_and_die(bool is_other_elsewhere)
{
    struct ko_buf other = {0};
    int status = 0;
    pid_t child;

    ko_lease_add_process(&other);
    if (is_other_elsewhere)
        other.data[0] = '~';
    child = fork();
    if (child == 0) {
        struct ko_error err = {0};
        struct ko_lease *lease = NULL;
        struct ko_buf mine = {0};
        struct ko_buf all = {0};

        ko_lease_add_process(&mine);
        ko_buf_add_u32(&all, (uint32_t) mine.n);
        ko_buf_add_slice(&all, ko_buf_slice(&mine));
        ko_buf_add_u32(&all, (uint32_t) other.n);
        ko_buf_add_slice(&all, ko_buf_slice(&other));
        _exit((int) ko_lease_open(temp_folder, 60, ko_buf_slice(&all), &lease, notice, &err));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ko_buf_clear(&other);
}

static void
the_lease_of_ranks_of_which_one_may_live_is_kept_until_it_expires(void)
{
    for (int is_elsewhere = 0; is_elsewhere < 2; is_elsewhere++) {
        case_begin();
        take_for_two_and_die(is_elsewhere);
        check_kept_until_it_expires();
        case_end();
    }
}

/* Replaces the first `from` in lease.json by a text of the same length. */
static void
edit(const char *from, const char *to)
{
    struct ko_buf text = {0};
    char *at;

    file_read("lease.json", &text);
    ko_buf_add_char(&text, '\0');
    at = strstr(text.data, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    text.n--;
    file_write("lease.json", ko_buf_slice(&text));
    ko_buf_clear(&text);
}

static void
a_process_of_another_host_or_container_cannot_be_known_to_be_gone(void)
{
    static const char *const edits[][2] = {{"\"owner\":\"", "\"owner\":\"~"},
                                           {"\"space\":\"pid:", "\"space\":\"pit:"}};

    for (int i = 0; i < 2; i++) {
        case_begin();
        take_and_die();
        edit(edits[i][0], edits[i][1]);
        check_kept_until_it_expires();
        case_end();
    }
}

static void
an_unreadable_lease_expires_by_the_time_of_its_file(void)
{
    struct ko_error err = {0};

    folder_begin();
    file_write("lease.json", KO_SLICE("{\"owner\":"));
    (void) open_and_close(&err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "an unknown owner");
    ko_clock_set_us((uint64_t) ko_wall_us() + 61000000U);
    err = (struct ko_error){0};
    (void) open_and_close(&err);
    CHECK_OK(err);
    assert_non_null(strstr(notice, "an unknown owner"));
    case_end();
}

static void
a_failure_before_does_not_keep_the_lease(void)
{
    struct ko_error err = {0};
    struct ko_lease *lease = NULL;

    case_begin();
    (void) open_lease(&lease, &err);
    CHECK_OK(err);
    (void) ko_fail(&err, KO_E_AWS, "the table went away");
    (void) ko_lease_close(lease, &err);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_TEXT(folder_names(), "");
    case_end();
}

static enum ko_code
open_renew_close(struct ko_error *err)
{
    struct ko_lease *lease = NULL;
    struct ko_error closing = {0};

    ko_clock_set_us(1000000000000000U);
    if (open_lease(&lease, err) == KO_OK) {
        ko_clock_set_us(1000000059000000U);
        (void) ko_lease_renew(lease, err);
    }
    (void) ko_lease_close(lease, &closing);
    if (err->code == KO_OK)
        *err = closing;
    (void) ko_file_remove(file_at("lease.json"), &closing);
    return err->code;
}

static void
running_out_of_memory_leaves_nothing_behind(void)
{
    struct ko_error err = {0};

    case_begin();
    TORTURE(err, open_renew_close(&err));
    case_end();
}

CASES = {
    CASE(a_lease_that_is_given_back_can_be_taken_again),
    CASE(a_held_lease_is_refused_with_owner_and_expiry),
    CASE(an_expired_lease_is_taken_over_with_a_notice),
    CASE(a_renewed_lease_lasts_longer),
    CASE(a_lease_that_was_removed_is_lost),
    CASE(the_lease_of_a_process_that_is_gone_is_taken_over_at_once),
    CASE(the_lease_of_ranks_of_which_one_may_live_is_kept_until_it_expires),
    CASE(a_process_of_another_host_or_container_cannot_be_known_to_be_gone),
    CASE(an_unreadable_lease_expires_by_the_time_of_its_file),
    CASE(a_failure_before_does_not_keep_the_lease),
    CASE(running_out_of_memory_leaves_nothing_behind),
};
RUN_CASES
