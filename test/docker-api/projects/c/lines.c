#include "lines.h"

long lines_of(FILE *file) {
    long lines = 0;
    for (int c = getc(file); c != EOF; c = getc(file)) lines += c == '\n';
    return lines;
}
