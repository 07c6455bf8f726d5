/* Runs a target over files, without a fuzzing engine: for any compiler, in the tests. */
#include <stdio.h>

#include "target.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
            perror(argv[i]);
            return 2;
        }
        long size = ftell(file);
        rewind(file);
        uint8_t *data = rk_fuzz_room(size > 0 ? (size_t)size : 0);
        if (size < 0 || fread(data, 1, (size_t)size, file) != (size_t)size) {
            perror(argv[i]);
            return 2;
        }
        fclose(file);
        LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
