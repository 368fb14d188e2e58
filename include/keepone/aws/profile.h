/*
 * Profiles: the shared config and credentials files of the AWS tools, parsed.
 *
 * Files: AWS_CONFIG_FILE (~/.aws/config) with sections [default], [profile NAME],
 * [sso-session NAME], [services NAME]; AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) with
 * sections [NAME].  A file that is not there is empty.  Other sections are passed over.
 *
 * Lines:  KEY = VALUE, white space around both cut off; of a key's case nothing is kept.
 *         A line that starts with # or ; is a comment, and so is what stands behind the first
 *         " #" or " ;" of a value or a section.
 *         An indented line behind a key with a value goes on with that value (on a line of its
 *         own); behind a key without one it nests: in a [services] section "dynamodb =" followed
 *         by "  endpoint_url = X" is the key "dynamodb.endpoint_url".
 * Twice:  sections of one name are one; of a key the last line counts.  In the config file
 *         [profile default] stands instead of [default], wherever it stands.
 *
 * Thread use: any, once read.  MPI: none, every rank reads its own.
 */
#ifndef KEEPONE_AWS_PROFILE_H
#define KEEPONE_AWS_PROFILE_H

#include <stdbool.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_profiles; /* opaque */

/* KO_E_ACCESS names the file and the line that cannot be read; KO_E_MEMORY.  Values are not shown.
 * On failure *profiles is NULL. */
enum ko_code ko_profiles_read(struct ko_profiles **profiles, struct ko_error *err);

/* Accepts NULL.  Overwrites the texts: they may be secrets. */
void ko_profiles_free(struct ko_profiles *profiles);

/* Without sections.  NULL with KO_E_MEMORY. */
struct ko_profiles *ko_profiles_new(struct ko_error *err);

enum ko_profile_file { KO_PROFILE_CONFIG_FILE, KO_PROFILE_CREDENTIALS_FILE };

/* Adds what a file of this kind holds; path is for error texts.  Each kind once. */
enum ko_code ko_profiles_add_text(struct ko_profiles *profiles, enum ko_profile_file file,
                                  const char *path, struct ko_slice text, struct ko_error *err);

enum ko_profile_section {
    KO_PROFILE_CONFIG,      /* [profile NAME], [default] of the config file */
    KO_PROFILE_CREDENTIALS, /* [NAME] of the credentials file */
    KO_PROFILE_SSO_SESSION,
    KO_PROFILE_SERVICES
};

/* Is there such a section? */
bool ko_profiles_has(const struct ko_profiles *profiles, enum ko_profile_section section,
                     const char *name);

/* The value of a key (lower case), borrowed; NULL if there is none, or nothing behind its "=". */
const char *ko_profiles_value(const struct ko_profiles *profiles, enum ko_profile_section section,
                              const char *name, const char *key);

/* A profile's value: from the credentials file, else from the config file. */
const char *ko_profile_value(const struct ko_profiles *profiles, const char *profile,
                             const char *key);

/* Is there such a profile, in one of the files? */
bool ko_profile_exists(const struct ko_profiles *profiles, const char *profile);

#endif
