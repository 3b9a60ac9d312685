// The AMX instructions in software, for tests of machine code that this CPU
// does not have: each of them raises #UD, which Linux delivers as SIGILL; the
// handler carries the instruction out on tiles in memory and steps over it.
// All other instructions run as they are.
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <ucontext.h>

#include "tiles.h"

// What an instruction's operands are, and how they are encoded.
enum form { kNothing, kConfig, kTile, kMemoryRows, kThreeTiles };

enum { kNone, k66, kF3, kF2 };

static const struct encoding {
  const char* name;
  int opcode;
  int prefix;  // VEX.pp
  enum form form;
  operation* run;
} kEncodings[] = {
    {"ldtilecfg", 0x49, kNone, kConfig, amx_load_config},
    {"sttilecfg", 0x49, k66, kConfig, amx_store_config},
    {"tilerelease", 0x49, kNone, kNothing, amx_release},
    {"tilezero", 0x49, kF2, kTile, amx_zero},
    {"tileloadd", 0x4B, kF2, kMemoryRows, amx_load_rows},
    {"tileloaddt1", 0x4B, k66, kMemoryRows, amx_load_rows},
    {"tilestored", 0x4B, kF3, kMemoryRows, amx_store_rows},
    {"tdpbf16ps", 0x5C, kF3, kThreeTiles, amx_multiply_bfloat16},
    {"tdpbssd", 0x5E, kF2, kThreeTiles, amx_multiply_ss},
    {"tdpbsud", 0x5E, kF3, kThreeTiles, amx_multiply_su},
    {"tdpbusd", 0x5E, k66, kThreeTiles, amx_multiply_us},
    {"tdpbuud", 0x5E, kNone, kThreeTiles, amx_multiply_uu},
};

// The three-byte VEX prefix and ModRM, as numbers of registers.
struct fields {
  int prefix, opcode, mod, reg, rm, vvvv;
  int index_high, base_high;  // 8 if the register is one of r8 to r15
};

/// False unless it is VEX.128.0F38.W0. Bytes are read one after the other: what
/// follows another instruction may lie on a page that does not exist.
static bool read_fields(const uint8_t* code, struct fields* fields) {
  enum { kVex3 = 0xC4, kMap0F38 = 2 };
  if (code[0] != kVex3 || (code[1] & 0x1F) != kMap0F38) {
    return false;
  }
  const int w = code[2] >> 7, length = code[2] >> 2 & 1;
  const int inverted = ~code[1];
  *fields = (struct fields){.prefix = code[2] & 3,
                            .opcode = code[3],
                            .mod = code[4] >> 6,
                            .reg = (code[4] >> 3 & 7) | (inverted >> 4 & 8),
                            .rm = code[4] & 7,
                            .vvvv = ~code[2] >> 3 & 15,
                            .index_high = inverted >> 3 & 8,
                            .base_high = inverted >> 2 & 8};
  return w == 0 && length == 0;
}

/// Whether what an instruction of the form has in its fields is right.
static bool fits(const struct fields* f, enum form form) {
  const bool in_memory = f->mod != 3, no_vvvv = f->vvvv == 0;
  switch (form) {
    case kNothing:
      return !in_memory && no_vvvv && f->reg == 0 && f->rm == 0;
    case kConfig:
      return in_memory && no_vvvv && f->reg == 0;
    case kTile:
      return !in_memory && no_vvvv && f->reg < kTiles && f->rm == 0;
    case kMemoryRows:  // with a SIB byte alone
      return in_memory && no_vvvv && f->reg < kTiles && f->rm == 4;
    case kThreeTiles:
      return !in_memory && f->reg < kTiles && f->base_high == 0 &&
             f->vvvv < kTiles;
  }
  return false;
}

static int64_t register_value(const ucontext_t* context, int number) {
  static const int kRegisters[16] = {
      REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context->uc_mcontext.gregs[kRegisters[number]];
}

/// Reads address and stride of an instruction with ModRM at code[4]; returns
/// the byte after it (SDM volume 2A, "Addressing-Mode Encoding of ModR/M and
/// SIB Bytes").
static const uint8_t* read_address(const uint8_t* code,
                                   const ucontext_t* context,
                                   const struct fields* f,
                                   struct instruction* to) {
  enum { kSib = 4, kNoIndex = 4, kNoBase = 5 };
  const uint8_t* next = code + 5;
  int base = f->rm;
  if (f->rm == kSib) {
    const int index = (*next >> 3 & 7) | f->index_high;
    if (index != kNoIndex) {
      to->stride = register_value(context, index) * (1 << (*next >> 6));
    }
    base = *next++ & 7;
  }
  const bool no_base = f->mod == 0 && base == kNoBase;
  int64_t address = no_base ? 0 : register_value(context, base | f->base_high);
  if (f->mod == 1) {
    address += (int8_t)*next++;
  } else if (f->mod == 2 || no_base) {
    int32_t displacement;
    memcpy(&displacement, next, sizeof(displacement));
    next += sizeof(displacement);
    address += displacement;
  }
  if (no_base && f->rm != kSib) {  // relative to the next instruction
    address += (int64_t)next;
  }
  to->address = (uint8_t*)address;
  return next;
}

/// Carries out the AMX instruction at `code`; returns the one after it, or null
/// if it is another.
static const uint8_t* emulate(const uint8_t* code, const ucontext_t* context) {
  struct fields fields;
  if (!read_fields(code, &fields)) {
    return NULL;
  }
  for (size_t n = 0; n < sizeof(kEncodings) / sizeof(kEncodings[0]); ++n) {
    const struct encoding* encoding = &kEncodings[n];
    if (encoding->opcode != fields.opcode ||
        encoding->prefix != fields.prefix || !fits(&fields, encoding->form)) {
      continue;
    }
    struct instruction instruction = {.name = encoding->name,
                                      .tile = fields.reg,
                                      .source1 = fields.rm,
                                      .source2 = fields.vvvv};
    const uint8_t* next = code + 5;
    if (fields.mod != 3) {
      next = read_address(code, context, &fields, &instruction);
    }
    if (encoding->form == kConfig) {
      instruction.address += instruction.stride;
    }
    encoding->run(&instruction);
    return next;
  }
  return NULL;
}

static struct sigaction previous;

/// What is not AMX goes the way that it would have gone.
static void pass_on(int number, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(number);
  } else {
    signal(number, SIG_DFL);
    raise(number);
  }
}

// A signal takes far longer than what it is for, so the AMX instructions that
// follow are carried out as well.
static void handle(int number, siginfo_t* info, void* context) {
  greg_t* rip = &((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  // What the CPU raised has a code above 0, what a process sent has not.
  const uint8_t* next =
      info->si_code > 0 ? emulate((const uint8_t*)*rip, context) : NULL;
  if (next == NULL) {
    pass_on(number, info, context);
  }
  for (; next != NULL; next = emulate(next, context)) {
    *rip = (greg_t)next;
  }
}

/// From here on AMX instructions of every thread run; 0 unless it fails. After
/// others have taken SIGILL for themselves, it may be called again.
__attribute__((visibility("default"))) int amx_emulator_install(void) {
  static bool installed;
  struct sigaction action = {.sa_sigaction = handle,
                             .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  const int failed = sigaction(SIGILL, &action, installed ? NULL : &previous);
  installed = installed || failed == 0;
  return failed;
}
