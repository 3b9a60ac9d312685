// What the AMX instructions do, on tiles in memory: one thread's instructions
// act on that thread's tiles. emulator.c finds out which instruction it is.
#pragma once

#include <stdint.h>

enum { kTiles = 8 };

struct instruction {
  const char* name;
  int tile;              // loaded, stored, zeroed or added to
  int source1, source2;  // the factors of a product
  uint8_t* address;      // base + displacement, for a configuration + index
  int64_t stride;        // bytes from row to row
};

typedef void operation(const struct instruction*);

operation amx_load_config, amx_store_config, amx_release;
operation amx_load_rows, amx_store_rows, amx_zero;
// By the signs of the bytes of both factors; then bfloat16.
operation amx_multiply_ss, amx_multiply_su, amx_multiply_us, amx_multiply_uu;
operation amx_multiply_bfloat16;
