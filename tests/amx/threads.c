// A product of tiles on every thread of an OpenMP team, for the tests of the
// emulator.
#include <stdint.h>
#include <string.h>

void tilerelease(void);
void ldtilecfg(const void* config);
void tileloadd_1(const void* rows, int64_t stride);
void tileloadd_2(const void* rows, int64_t stride);
void tilestored_0(void* rows, int64_t stride);
void tdpbssd_012(void);

/// c[n] = a[n] b[n] for `count` products of whole tiles, again and again.
void multiply_on_threads(const void* config, const uint8_t (*a)[16][64],
                         const uint8_t (*b)[16][64], uint8_t (*c)[16][64],
                         int count) {
#pragma omp parallel num_threads(4)
  {
    ldtilecfg(config);
#pragma omp for schedule(dynamic)
    for (int n = 0; n < count; ++n) {
      ldtilecfg(config);
      tileloadd_1(a[n], 64);
      tileloadd_2(b[n], 64);
      tdpbssd_012();
      tilestored_0(c[n], 64);
    }
    tilerelease();
  }
}
