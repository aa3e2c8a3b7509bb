#include <stdio.h>

/* How many lines a file has from where it is read on. */
long lines_of(FILE *file);
