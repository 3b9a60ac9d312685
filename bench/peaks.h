#pragma once

#include <cstdint>

/// A measurement: `run(count)` executes count * work operations, or reads as
/// many bytes.
struct Probe {
  const char* name;
  const char* unit;
  bool supported;
  void (*run)(int64_t count);
  double work;
};

/// What is read for a bandwidth.
struct Memory {
  const char* begin;
  int64_t bytes;  // a multiple of 512
};
inline Memory g_memory;
