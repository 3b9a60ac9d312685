#pragma once

#include <string>

namespace pyattn {

/// The levels of instruction sets that there are kernels for, worst first.
enum class Isa {
  kReference,
  kPortable,
  kAvx2,
  kAvx512,
  kAvx512Vnni,
  kAvx512Bf16,
  kAmx,
  kNeon,
  kNeonDotprod,
  kNeonI8mm
};

/// "reference", "portable", "avx2", "avx512", "avx512_vnni", "avx512_bf16",
/// "amx", "neon", "neon_dotprod", "neon_i8mm".
const char* isa_name(Isa isa);

/// Whether this CPU and its operating system run the level.
bool cpu_supports(Isa isa);

/// What the CPU calls itself, "" where it does not say.
std::string cpu_model();

/// Treats denormal numbers as zero while it lives, on the thread that made it:
/// arithmetic on them is a hundred times slower, and no result of a model needs
/// them. The thread gets its own setting back.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long long saved_;
};

}  // namespace pyattn
