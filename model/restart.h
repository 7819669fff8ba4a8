/* restart.h - for programs, not for the library: OpenBLAS chooses its kernels when it is loaded, so
 * whoever knows better has to say so in the environment beforehand. */
#ifndef RESTART_H
#define RESTART_H

/* Call first in main(): sets OPENBLAS_NUM_THREADS=1, and OPENBLAS_CORETYPE where fold_cpu_coretype
 * says so and the user does not, and re-executes the program once where that changes anything.
 * Returns when nothing is to be done (or exec fails). */
void restart_for_blas(char **argv);

#endif
