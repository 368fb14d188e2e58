#include "keepone/job/messages.h"

#include <stdio.h>
#include <string.h>

static void
replace_controls(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char) *c < 0x20 || *c == 0x7f)
            *c = '?';
    }
}

void
ko_message_error(char text[KO_MESSAGE_BYTES], const struct ko_error *err, bool has_colour)
{
    const char *const red = has_colour ? "\033[1;31m" : "";
    const char *const cyan = has_colour ? "\033[1;36m" : "";
    const char *const plain = has_colour ? "\033[0m" : "";
    struct ko_error clean = *err;
    size_t n;

    replace_controls(clean.text);
    replace_controls(clean.hint);
    (void) snprintf(text, KO_MESSAGE_BYTES, "keepone: %serror[%s]:%s %s\n", red,
                    ko_code_name(err->code), plain, clean.text);
    if (clean.hint[0] == '\0')
        return;
    n = strlen(text);
    (void) snprintf(text + n, KO_MESSAGE_BYTES - n, "keepone: %shint:%s %s\n", cyan, plain,
                    clean.hint);
}

void
ko_message_print_error(const struct ko_error *err, bool has_colour)
{
    char text[KO_MESSAGE_BYTES];

    if (err->code == KO_OK)
        return;
    ko_message_error(text, err, has_colour);
    (void) fputs(text, stderr);
    (void) fflush(stderr);
}
