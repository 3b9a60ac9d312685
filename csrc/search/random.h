#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace pyattn {

/// Philox4x32-10 (Salmon et al. 2011): random bits that depend on a key and a
/// counter alone, so that no draw depends on how many there were before.
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                                      uint64_t key) {
  uint32_t low = static_cast<uint32_t>(key);
  uint32_t high = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t even = uint64_t{0xD2511F53} * counter[0];
    const uint64_t odd = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(odd >> 32) ^ counter[1] ^ low,
               static_cast<uint32_t>(odd),
               static_cast<uint32_t>(even >> 32) ^ counter[3] ^ high,
               static_cast<uint32_t>(even)};
    low += 0x9E3779B9;
    high += 0xBB67AE85;
  }
  return counter;
}

/// A number for no ids.
inline constexpr uint64_t kHashOfNone = 0xcbf29ce484222325;

/// A number for ids behind those that have this `hash` (FNV-1a, an id at a
/// time).
inline uint64_t hash_of(uint64_t hash, std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    hash = (hash ^ static_cast<uint32_t>(id)) * 0x100000001b3;
  }
  return hash;
}

/// Uniform in [0, 1), one for each source, hypothesis and step.
inline double uniform(uint64_t seed, uint64_t source, uint32_t hypothesis,
                      uint32_t step) {
  const std::array<uint32_t, 4> bits =
      philox({step, hypothesis, static_cast<uint32_t>(source),
              static_cast<uint32_t>(source >> 32)},
             seed);
  const uint64_t joined = uint64_t{bits[0]} << 32 | bits[1];
  return static_cast<double>(joined >> 11) * 0x1p-53;
}

}  // namespace pyattn
