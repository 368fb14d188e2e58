/*
 * The gate at the end of each stage: one message, one exit code, nobody left hanging.
 *
 * A rank that fails keeps walking until the gate, doing no more work; at the gate all ranks
 * agree on the error that explains most.
 *
 * Thread use: the one thread of the rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_COMM_GATE_H
#define KEEPONE_COMM_GATE_H

#include "keepone/base/error.h"
#include "keepone/comm/world.h"

/*
 * Collective: every rank comes with its own err, failed or clean.  Afterwards every rank holds the
 * worst one (the largest code, ties to the lowest rank) with its hint, and that code is returned.
 *
 * With more than one rank its text is completed with " (rank R of N on HOST; K ranks failed)".
 * Codes up to KO_E_STOPPED stay as they are (they speak of the job; no rank is at fault), and so
 * does a text that is complete already from an earlier gate.
 */
enum ko_code ko_gate(struct ko_world *world, struct ko_error *err);

#endif
