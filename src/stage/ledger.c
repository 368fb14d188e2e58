#include "keepone/comm/world.h"
#include "keepone/stage/apply.h"

enum { N_LEDGER = 12 };

/* The numbers in the order of their names, as canonical JSON wants them. */
static void
list_numbers(struct ko_ledger *ledger, const char *names[N_LEDGER], uint64_t *numbers[N_LEDGER])
{
    const struct {
        const char *name;
        uint64_t *number;
    } all[N_LEDGER] = {
        {"changed", &ledger->changed},
        {"deleted", &ledger->deleted},
        {"failed", &ledger->failed},
        {"gone", &ledger->gone},
        {"left", &ledger->left},
        {"open", &ledger->open},
        {"planned", &ledger->planned},
        {"present", &ledger->present},
        {"restored", &ledger->restored},
        {"spared", &ledger->spared},
        {"unconfirmed", &ledger->unconfirmed},
        {"undo_failed", &ledger->undo_failed},
    };

    for (int i = 0; i < N_LEDGER; i++) {
        names[i] = all[i].name;
        numbers[i] = all[i].number;
    }
}

void
ko_ledger_add_json(struct ko_buf *out, const struct ko_ledger *ledger)
{
    struct ko_ledger copy = *ledger;
    const char *names[N_LEDGER];
    uint64_t *numbers[N_LEDGER];

    list_numbers(&copy, names, numbers);
    for (int i = 0; i < N_LEDGER; i++)
        ko_buf_add_format(out, "%c\"%s\":%llu", i == 0 ? '{' : ',', names[i],
                          (unsigned long long) *numbers[i]);
    ko_buf_add_char(out, '}');
}

enum ko_code
ko_ledger_sum(struct ko_world *world, struct ko_ledger *ledger, struct ko_error *err)
{
    const char *names[N_LEDGER];
    uint64_t *numbers[N_LEDGER];
    uint64_t sums[N_LEDGER];

    list_numbers(ledger, names, numbers);
    for (int i = 0; i < N_LEDGER; i++)
        sums[i] = *numbers[i];
    if (ko_world_sum(world, sums, N_LEDGER, err) != KO_OK)
        return err->code;
    for (int i = 0; i < N_LEDGER; i++)
        *numbers[i] = sums[i];
    return KO_OK;
}
