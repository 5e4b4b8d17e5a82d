#include "table/witness.h"

/* As with the log, who looks is a matter of the program, not of the one who asks. */
static table_witness_fn *witness;
static void *witness_context;

void table_set_witness(table_witness_fn *fn, void *context)
{
    witness = fn;
    witness_context = context;
}

void table_testify(const struct table_testimony *seen)
{
    if (witness)
        witness(witness_context, seen);
}
