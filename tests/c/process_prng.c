/* bcryptprimitives.dll, which wine 8 does not have, for tests of the command for Windows: Rust's
   library asks it for the seeds of its hash tables. */

#include <stddef.h>

/* RtlGenRandom; Windows exports it by this name alone. */
__declspec(dllimport) unsigned char __stdcall SystemFunction036(void *to, unsigned long octets);

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *to, size_t octets)
{
    return SystemFunction036(to, (unsigned long)octets);
}
