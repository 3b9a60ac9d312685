// What the instructions do is from Intel's Software Developer's Manual (SDM):
// volume 1, "Programming with Intel AMX", for tiles and palettes; volume 2A,
// "Intel AMX Instruction Exception Classes" (AMX-E1 to AMX-E6), and the
// sections "Operation" of the instructions' own pages. What the CPU would
// refuse ends the process with a message, since in a test it is a bug.
#define _GNU_SOURCE
#include "tiles.h"

#include <immintrin.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Palette 1, the only one that there is.
enum { kRows = 16, kRowBytes = 64, kRowWords = kRowBytes / 4 };

// What LDTILECFG reads and STTILECFG writes.
struct config {
  uint8_t palette;
  uint8_t start_row;  // where an interrupted load or store goes on
  uint8_t reserved[14];
  uint16_t colsb[16];  // bytes of a row; of palette 1's 8 tiles, then zeros
  uint8_t rows[16];    // likewise
};

union tile {
  uint8_t bytes[kRows][kRowBytes];
  uint32_t words[kRows][kRowWords];
  float floats[kRows][kRowWords];
};

// The tiles of one thread between LDTILECFG and TILERELEASE. They are too large
// for what glibc keeps for thread-local variables of libraries that are loaded
// late, and a signal handler must not allocate: a thread takes one of these.
struct tiles {
  _Alignas(64) union tile tile[kTiles];
  struct config config;
  atomic_bool taken;
};

enum { kMostThreads = 1024 };
static struct tiles all_tiles[kMostThreads];

// Null while tiles are not configured.
static _Thread_local struct tiles* mine
    __attribute__((tls_model("initial-exec")));

// ---- What the CPU would refuse

static void say(const struct instruction* instruction, const char* format,
                va_list arguments) {
  char text[256];
  int length =
      snprintf(text, sizeof(text), "amx_emulator: %s: ", instruction->name);
  length += vsnprintf(text + length, sizeof(text) - (size_t)length - 1, format,
                      arguments);
  if (length > (int)sizeof(text) - 2) {
    length = (int)sizeof(text) - 2;
  }
  text[length] = '\n';
  (void)!write(STDERR_FILENO, text, (size_t)length + 1);
}

/// #UD
__attribute__((format(printf, 2, 3))) _Noreturn static void undefined(
    const struct instruction* instruction, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(instruction, format, arguments);
  va_end(arguments);
  abort();
}

/// #GP, which Linux delivers as SIGSEGV
__attribute__((format(printf, 2, 3))) _Noreturn static void protection(
    const struct instruction* instruction, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(instruction, format, arguments);
  va_end(arguments);
  raise(SIGSEGV);
  abort();
}

static void expect_tile(const struct instruction* instruction, int tile) {
  if (mine == NULL) {
    undefined(instruction, "tiles are not configured");
  }
  if (mine->config.rows[tile] == 0) {
    undefined(instruction, "tmm%d has no rows in the configuration", tile);
  }
}

static void expect_words(const struct instruction* instruction, int tile) {
  expect_tile(instruction, tile);
  if (mine->config.colsb[tile] % 4 != 0) {
    undefined(instruction,
              "tmm%d has rows of %d bytes, expected a multiple of 4", tile,
              mine->config.colsb[tile]);
  }
}

// ---- Configuration

/// `write_row_and_zero` and `zero_upper_rows` of the SDM, for a tile whose rows
/// have been written: what lies beyond its shape is zero.
static void zero_rest(int tile) {
  const int rows = mine->config.rows[tile], colsb = mine->config.colsb[tile];
  for (int row = 0; row < rows; ++row) {
    memset(mine->tile[tile].bytes[row] + colsb, 0, (size_t)(kRowBytes - colsb));
  }
  memset(mine->tile[tile].bytes[rows], 0, (size_t)(kRows - rows) * kRowBytes);
}

static bool is_zero(const void* bytes, size_t count) {
  for (size_t n = 0; n < count; ++n) {
    if (((const uint8_t*)bytes)[n] != 0) {
      return false;
    }
  }
  return true;
}

void amx_release(const struct instruction* instruction) {
  (void)instruction;
  if (mine != NULL) {
    atomic_store(&mine->taken, false);
    mine = NULL;
  }
}

static void take_tiles(const struct instruction* instruction) {
  for (int n = 0; mine == NULL && n < kMostThreads; ++n) {
    if (!atomic_exchange(&all_tiles[n].taken, true)) {
      mine = &all_tiles[n];
    }
  }
  if (mine == NULL) {
    undefined(instruction, "%d threads have not released their tiles",
              kMostThreads);
  }
}

void amx_load_config(const struct instruction* instruction) {
  struct config config;
  memcpy(&config, instruction->address, sizeof(config));
  if (config.palette == 0) {
    amx_release(instruction);
    return;
  }
  if (config.palette != 1) {
    protection(instruction, "palette is %d, expected 0 or 1", config.palette);
  }
  if (!is_zero(config.reserved, sizeof(config.reserved)) ||
      !is_zero(config.colsb + kTiles, sizeof(config.colsb) / 2) ||
      !is_zero(config.rows + kTiles, sizeof(config.rows) / 2)) {
    protection(instruction, "a reserved byte is not 0");
  }
  for (int tile = 0; tile < kTiles; ++tile) {
    const int rows = config.rows[tile], colsb = config.colsb[tile];
    if (rows > kRows || colsb > kRowBytes || (rows == 0) != (colsb == 0)) {
      protection(instruction,
                 "tmm%d has %d rows of %d bytes, expected at most %d of %d, "
                 "or 0 of 0",
                 tile, rows, colsb, kRows, kRowBytes);
    }
  }
  take_tiles(instruction);
  mine->config = config;
  memset(mine->tile, 0, sizeof(mine->tile));
}

void amx_store_config(const struct instruction* instruction) {
  static const struct config none;
  memcpy(instruction->address, mine == NULL ? &none : &mine->config,
         sizeof(struct config));
}

// ---- Loads and stores

static void expect_rows(const struct instruction* instruction) {
  expect_words(instruction, instruction->tile);
  if (mine->config.start_row >= mine->config.rows[instruction->tile]) {
    undefined(instruction, "start_row is %d, expected less than %d",
              mine->config.start_row, mine->config.rows[instruction->tile]);
  }
}

// A fault in the middle leaves start_row at the row that it happened in, as the
// SDM has it. It is a fault of this code, at the address that the program gave.
void amx_load_rows(const struct instruction* instruction) {
  expect_rows(instruction);
  const int tile = instruction->tile, colsb = mine->config.colsb[tile];
  uint8_t* start_row = &mine->config.start_row;
  for (; *start_row < mine->config.rows[tile]; ++*start_row) {
    memcpy(mine->tile[tile].bytes[*start_row],
           instruction->address + *start_row * instruction->stride,
           (size_t)colsb);
  }
  zero_rest(tile);
  *start_row = 0;
}

void amx_store_rows(const struct instruction* instruction) {
  expect_rows(instruction);
  const int tile = instruction->tile, colsb = mine->config.colsb[tile];
  uint8_t* start_row = &mine->config.start_row;
  for (; *start_row < mine->config.rows[tile]; ++*start_row) {
    memcpy(instruction->address + *start_row * instruction->stride,
           mine->tile[tile].bytes[*start_row], (size_t)colsb);
  }
  *start_row = 0;
}

void amx_zero(const struct instruction* instruction) {
  expect_tile(instruction, instruction->tile);
  memset(&mine->tile[instruction->tile], 0, sizeof(union tile));
  mine->config.start_row = 0;
}

// ---- Products

struct product {
  union tile* c;  // [rows, 16 words], += a b
  const union tile* a;
  const union tile* b;
  int rows, steps;  // steps: words of a row of a, rows of b
};

/// The conditions of class AMX-E4.
static struct product product_of(const struct instruction* instruction) {
  const int c = instruction->tile, a = instruction->source1;
  const int b = instruction->source2;
  if (c == a || c == b || a == b) {
    undefined(instruction, "tmm%d, tmm%d, tmm%d are not three tiles", c, a, b);
  }
  expect_words(instruction, c);
  expect_words(instruction, a);
  expect_words(instruction, b);
  const struct config* config = &mine->config;
  if (config->rows[a] != config->rows[c]) {
    undefined(instruction, "tmm%d has %d rows, expected %d like tmm%d", a,
              config->rows[a], config->rows[c], c);
  }
  if (config->colsb[b] != config->colsb[c]) {
    undefined(instruction, "tmm%d has rows of %d bytes, expected %d like tmm%d",
              b, config->colsb[b], config->colsb[c], c);
  }
  if (config->rows[b] != config->colsb[a] / 4) {
    undefined(instruction, "tmm%d has %d rows, expected %d, the words of tmm%d",
              b, config->rows[b], config->colsb[a] / 4, a);
  }
  return (struct product){.c = &mine->tile[c],
                          .a = &mine->tile[a],
                          .b = &mine->tile[b],
                          .rows = config->rows[c],
                          .steps = config->rows[b]};
}

static void finish_product(const struct instruction* instruction) {
  zero_rest(instruction->tile);
  mine->config.start_row = 0;
}

static inline int32_t extended(uint32_t word, int byte, bool is_signed) {
  const uint8_t bits = (uint8_t)(word >> (8 * byte));
  return is_signed ? (int8_t)bits : bits;
}

/// Sums wrap around at 32 bits. All 16 words of a row are computed, so that
/// compilers vectorize; what is beyond the shape goes back to zero.
static inline __attribute__((always_inline)) void multiply_bytes(
    const struct product p, bool a_signed, bool b_signed) {
  for (int m = 0; m < p.rows; ++m) {
    uint32_t sums[kRowWords];
    memcpy(sums, p.c->words[m], sizeof(sums));
    for (int k = 0; k < p.steps; ++k) {
      for (int byte = 0; byte < 4; ++byte) {
        const int32_t a = extended(p.a->words[m][k], byte, a_signed);
        for (int n = 0; n < kRowWords; ++n) {
          sums[n] += (uint32_t)(a * extended(p.b->words[k][n], byte, b_signed));
        }
      }
    }
    memcpy(p.c->words[m], sums, sizeof(sums));
  }
}

#define VECTORIZED __attribute__((target("avx2,fma"), noinline))

#define DEFINE_BYTE_PRODUCT(name, a_signed, b_signed)            \
  VECTORIZED void name(const struct instruction* instruction) {  \
    multiply_bytes(product_of(instruction), a_signed, b_signed); \
    finish_product(instruction);                                 \
  }
DEFINE_BYTE_PRODUCT(amx_multiply_ss, true, true)
DEFINE_BYTE_PRODUCT(amx_multiply_su, true, false)
DEFINE_BYTE_PRODUCT(amx_multiply_us, false, true)
DEFINE_BYTE_PRODUCT(amx_multiply_uu, false, false)

static inline float from_bits(uint32_t bits) {
  float number;
  memcpy(&number, &bits, sizeof(number));
  return number;
}

/// Even and odd elements of the pairs are chains of their own, from zero; their
/// sum is then added to the accumulator (TDPBF16PS, "Operation").
VECTORIZED static void multiply_pairs(const struct product p) {
  for (int m = 0; m < p.rows; ++m) {
    float even[kRowWords] = {0}, odd[kRowWords] = {0};
    for (int k = 0; k < p.steps; ++k) {
      const float a_even = from_bits(p.a->words[m][k] << 16);
      const float a_odd = from_bits(p.a->words[m][k] & 0xFFFF0000u);
      for (int n = 0; n < kRowWords; ++n) {
        const float b_even = from_bits(p.b->words[k][n] << 16);
        const float b_odd = from_bits(p.b->words[k][n] & 0xFFFF0000u);
        even[n] = __builtin_fmaf(a_even, b_even, even[n]);
        odd[n] = __builtin_fmaf(a_odd, b_odd, odd[n]);
      }
    }
    for (int n = 0; n < kRowWords; ++n) {
      p.c->floats[m][n] += even[n] + odd[n];
    }
  }
}

/// Rounds to nearest even, takes denormal numbers for zero and makes none. The
/// program's own MXCSR comes back with the return from the signal.
void amx_multiply_bfloat16(const struct instruction* instruction) {
  const unsigned masked_ftz_daz = 0x9FC0;
  const struct product product = product_of(instruction);
  _mm_setcsr(masked_ftz_daz);
  multiply_pairs(product);
  finish_product(instruction);
}
