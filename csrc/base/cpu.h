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

/// Who keeps the level from running here, "the CPU lacks it" or "the operating
/// system refuses it", in more words where there are any; "" if it runs. Linux
/// is asked to grant the tiles of AMX, to a CPU that has them.
std::string obstacle(Isa isa);

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
