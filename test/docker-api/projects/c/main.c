#include "lines.h"

int main(void) {
    printf("%ld lines\n", lines_of(stdin));
    return 0;
}
