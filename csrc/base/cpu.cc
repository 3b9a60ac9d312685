#include "base/cpu.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pyattn {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512_vnni";
    case Isa::kAvx512Bf16:
      return "avx512_bf16";
    case Isa::kAmx:
      return "amx";
    case Isa::kNeon:
      return "neon";
    case Isa::kNeonDotprod:
      return "neon_dotprod";
    case Isa::kNeonI8mm:
      return "neon_i8mm";
  }
  return "unknown";
}

#if defined(__x86_64__)

namespace {

// Not the compiler's own test, `__builtin_cpu_supports`: it asks the compiler's
// runtime, and one of those that may be linked finds no vectors on any CPU.
struct CpuId {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// All zero where the CPU has no such leaf.
CpuId cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuId id;
  __get_cpuid_count(leaf, subleaf, &id.a, &id.b, &id.c, &id.d);
  return id;
}

bool has_all(uint64_t bits, uint64_t wanted) {
  return (bits & wanted) == wanted;
}

// What the operating system saves on a context switch (XCR0). For CPUs that
// have AVX, and with that the instruction.
__attribute__((target("xsave"))) uint64_t saved_state() { return _xgetbv(0); }

bool has_vectors(Isa isa) {
  constexpr uint32_t kAvx =
      1U << 12 | 1U << 27 | 1U << 28;  // FMA, OSXSAVE, AVX
  constexpr uint32_t kAvx2 = 1U << 5;
  constexpr uint32_t kAvx512 = 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31;
  constexpr uint32_t kVnni = 1U << 11;
  constexpr uint32_t kBf16 = 1U << 5;
  constexpr uint64_t kSavesAvx = 0x6;      // vectors of 16 and of 32 bytes
  constexpr uint64_t kSavesAvx512 = 0xE6;  // masks and vectors of 64 bytes, too
  if (!has_all(cpuid(1, 0).c, kAvx) || !has_all(saved_state(), kSavesAvx)) {
    return false;
  }
  const CpuId id = cpuid(7, 0);
  const bool avx512 = has_all(id.b, kAvx2 | kAvx512) &&  // F, DQ, BW, VL
                      has_all(saved_state(), kSavesAvx512);
  switch (isa) {
    case Isa::kAvx2:
      return has_all(id.b, kAvx2);
    case Isa::kAvx512:
      return avx512;
    case Isa::kAvx512Vnni:
      return avx512 && has_all(id.c, kVnni);
    case Isa::kAvx512Bf16:
      return avx512 && has_all(id.c, kVnni) && id.a >= 1 &&
             has_all(cpuid(7, 1).a, kBf16);
    default:
      return false;  // levels of other architectures
  }
}

// Tiles with int8 and bfloat16 products.
bool cpu_has_tiles() {
  return has_all(cpuid(7, 0).d, 1U << 22 | 1U << 24 | 1U << 25);
}

bool system_saves_tiles() {
  return has_all(saved_state(), 1U << 17 | 1U << 18);  // configuration and data
}

// Linux gives a process the tiles' 8 KiB of state per thread when it asks.
std::string refusal_of_tiles() {
#ifdef __linux__
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0) {
    return "";
  }
  return errno == ENOSPC ? "a thread's signal stack is too small for it"
                         : std::strerror(errno);
#else
  return "it is not Linux";
#endif
}

}  // namespace

std::string obstacle(Isa isa) {
  if (isa == Isa::kReference || isa == Isa::kPortable) {
    return "";
  }
  if (isa != Isa::kAmx) {
    return has_vectors(isa) ? ""
                            : "the CPU lacks it, or the operating system does "
                              "not save its registers";
  }
  if (!cpu_has_tiles()) {
    return "the CPU lacks it";
  }
  if (!has_vectors(Isa::kAvx512Bf16)) {
    return "avx512_bf16, which it includes, does not run";
  }
  if (!system_saves_tiles()) {
    return "the operating system refuses it: it does not save tiles";
  }
  const std::string refusal = refusal_of_tiles();
  return refusal.empty() ? "" : "the operating system refuses it: " + refusal;
}

std::string cpu_model() {
  constexpr uint32_t kBrandFirst = 0x80000002;
  constexpr uint32_t kBrandLast = 0x80000004;
  if (__get_cpuid_max(0x80000000, nullptr) < kBrandLast) {
    return "";
  }
  char brand[3 * 16 + 1] = {};
  for (uint32_t leaf = kBrandFirst; leaf <= kBrandLast; ++leaf) {
    uint32_t part[4];
    __get_cpuid(leaf, &part[0], &part[1], &part[2], &part[3]);
    std::memcpy(brand + 16 * (leaf - kBrandFirst), part, sizeof(part));
  }
  return brand;
}

namespace {
// MXCSR: results that are denormal become zero (FTZ), operands too (DAZ).
constexpr unsigned kFlushToZero = 0x8040;
}  // namespace

FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) {
  _mm_setcsr(static_cast<unsigned>(saved_) | kFlushToZero);
}

FlushDenormals::~FlushDenormals() { _mm_setcsr(static_cast<unsigned>(saved_)); }

#elif defined(__aarch64__)

namespace {

// A bit of what Linux tells every process about the CPU. In numbers, since
// headers older than an instruction lack its name.
struct Feature {
  unsigned long vector;
  int bit;
};
constexpr Feature kCpuId = {16, 11};    // AT_HWCAP, HWCAP_CPUID
constexpr Feature kDotprod = {16, 20};  // AT_HWCAP, HWCAP_ASIMDDP
constexpr Feature kI8mm = {26, 13};     // AT_HWCAP2, HWCAP2_I8MM

bool has([[maybe_unused]] Feature feature) {
#if defined(__linux__)
  return (getauxval(feature.vector) >> feature.bit & 1) != 0;
#else
  return false;
#endif
}

}  // namespace

std::string obstacle(Isa isa) {
  const char* const lacks = "the CPU lacks it";
  switch (isa) {
    case Isa::kReference:
    case Isa::kPortable:
    case Isa::kNeon:
      return "";
    case Isa::kNeonDotprod:
      return has(kDotprod) ? "" : lacks;
    case Isa::kNeonI8mm:
      return has(kDotprod) && has(kI8mm) ? "" : lacks;
    default:
      return lacks;  // levels of other architectures
  }
}

// An Arm CPU does not know its name; lists of names go by these two numbers.
// Linux lets every process read the register.
std::string cpu_model() {
  if (!has(kCpuId)) {
    return "";
  }
  uint64_t id;
  __asm__("mrs %0, midr_el1" : "=r"(id));
  char model[48];
  std::snprintf(model, sizeof(model), "implementer 0x%02x, part 0x%03x",
                static_cast<unsigned>(id >> 24 & 0xFF),
                static_cast<unsigned>(id >> 4 & 0xFFF));
  return model;
}

FlushDenormals::FlushDenormals() {
  constexpr uint64_t kFlushToZero = uint64_t{1} << 24;  // FPCR.FZ
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
  __asm__ volatile("msr fpcr, %0" : : "r"(saved_ | kFlushToZero));
}

FlushDenormals::~FlushDenormals() {
  __asm__ volatile("msr fpcr, %0" : : "r"(saved_));
}

#else

std::string obstacle(Isa isa) {
  const bool runs = isa == Isa::kReference || isa == Isa::kPortable;
  return runs ? "" : "the CPU lacks it";
}

std::string cpu_model() { return ""; }

FlushDenormals::FlushDenormals() : saved_(0) {}
FlushDenormals::~FlushDenormals() = default;

#endif

}  // namespace pyattn
