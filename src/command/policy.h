/*
 * Policy: the IAM permissions that a job needs, and no others.
 *
 * Thread use: one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_COMMAND_POLICY_H
#define KEEPONE_COMMAND_POLICY_H

#include "keepone/base/buf.h"
#include "keepone/job/job.h"

/*
 * Adds {"applying":{...},"finding":{...}} with a line end, each an IAM policy; what stands for what
 * cannot be known is explained on stderr.  KO_E_OPTION if the job needs no permission at all, and
 * what opening the job's run returns.
 */
enum ko_code ko_policy_add(const struct ko_job *job, struct ko_buf *out, struct ko_error *err);

#endif
