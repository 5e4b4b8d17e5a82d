#pragma once
/* pickup/maildrop - the files that postdrop(1) and `postsuper -r` leave in maildrop/. */

/* Hand over whatever is complete; what cannot be now stays for the next time. */
void maildrop_empty(void);
