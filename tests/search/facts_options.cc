// What options do to single tokens: each compared with all logits, edited.
#include <cmath>
#include <string>

#include "facts.h"

namespace search_test {
namespace {

using Change = void (*)(SearchOptions&);

constexpr uint32_t kSeeds = 12;

Task plain_task(uint32_t seed, int32_t beam_size) {
  Task task = {.model = random_model(seed, 0.3F), .options = default_options()};
  task.options.beam_size = task.options.num_hypotheses = beam_size;
  task.options.max_new_tokens = 8;
  task.source = {2, 3, 2, 4, 3};
  return task;
}

bool same(const std::vector<Found>& a, const std::vector<Found>& b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i) {
    same = a[i].tokens == b[i].tokens && a[i].token_scores == b[i].token_scores;
  }
  return same;
}

// Greedy and beam search under the changed options do what their slow
// definitions do, whether probabilities are renormalised or not and wherever
// the history begins; and the change matters.
void check_change(Change change) {
  int different = 0;
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    for (const int32_t beam_size : {1, 3}) {
      Task task = plain_task(seed, beam_size);
      task.options.renormalize = seed % 2 == 1;
      task.options.history_counts_start = seed % 3 != 0;
      const std::vector<Found> before = run(task).found;
      change(task.options);
      const std::vector<Found> found = run(task).found;
      const std::string what = "seed " + std::to_string(seed) + ", beam_size " +
                               std::to_string(beam_size);
      expect_same(found,
                  beam_size == 1 ? std::vector<Target>{slow_greedy(task, {})}
                                 : slow_beam(task).found,
                  what);
      different += same(before, found) ? 0 : 1;
    }
  }
  expect(different > 0, "the option changes nothing");
}

template <void (*change)(SearchOptions&)>
void checked() {
  check_change(change);
}

void suppress(SearchOptions& options) { options.suppress_tokens = {1, 4}; }

void begin_suppress(SearchOptions& options) {
  options.begin_suppress_tokens = {0, 2, 3};
}

void force_first(SearchOptions& options) {
  options.forced_bos_token = 3;
  options.begin_suppress_tokens = {1, 2};
}

void want_length(SearchOptions& options) { options.min_new_tokens = 5; }

void end_otherwise(SearchOptions& options) {
  options.end_tokens = {4, 2};
  options.return_end_token = true;
  options.min_new_tokens = 2;
  options.force_end = true;
}

void bias_sequences(SearchOptions& options) {
  options.sequence_bias = {{{1}, 1.5F}, {{3, 4}, 2.0F}, {{kStart, 2}, -3.0F}};
}

void suppress_sequences(SearchOptions& options) {
  options.sequence_bias = {{{1, 2}, -INFINITY},
                           {{2, 3, 4}, -INFINITY},
                           {{kStart, 1}, -INFINITY},
                           {{4, 4}, -INFINITY}};
}

void penalise_repetition(SearchOptions& options) {
  options.repetition_penalty = 1.8F;
}

void favour_source(SearchOptions& options) {
  options.encoder_repetition_penalty = 1.7F;
}

void forbid_bigrams(SearchOptions& options) {
  options.no_repeat_ngram_size = 2;
}

void forbid_tokens_twice(SearchOptions& options) {
  options.no_repeat_ngram_size = 1;
}

void forbid_bigrams_of_the_source(SearchOptions& options) {
  options.encoder_no_repeat_ngram_size = 2;
}

void do_it_all(SearchOptions& options) {
  options.suppress_tokens = {5};
  options.begin_suppress_tokens = {1};
  options.min_new_tokens = 2;
  options.sequence_bias = {{{3}, 0.5F}, {{2, 4}, 1.0F}};
  options.repetition_penalty = 1.4F;
  options.encoder_repetition_penalty = 1.2F;
  options.no_repeat_ngram_size = 3;
  options.encoder_no_repeat_ngram_size = 3;
  options.force_end = true;
}

// While the target follows the prefix, its next token gets a share of the
// probability (CTranslate2's biased decoding).
void prefix_that_is_not_certain_gets_its_share() {
  constexpr float kShare = 0.4F;
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    Task task = plain_task(seed, 1);
    const Sequence prefix = {3, 1, 2};
    task.options.target_prefix = prefix;
    task.options.prefix_bias_beta = kShare;
    const Found found = run(task).found.at(0);
    Sequence target;
    bool follows = true;
    for (size_t t = 0; t < found.token_scores.size(); ++t) {
      std::vector<double> scores = slow_scores(task, target);
      follows = follows && t < prefix.size();
      for (int32_t token = 0; token < kVocab && follows; ++token) {
        const double share = token == prefix[t] ? kShare : 0;
        double& score = scores[static_cast<size_t>(token)];
        score = std::log(share + (1 - kShare) * std::exp(score));
      }
      const auto best = std::max_element(scores.begin(), scores.end());
      const int32_t token = static_cast<int32_t>(best - scores.begin());
      const std::string what =
          "seed " + std::to_string(seed) + ", token " + std::to_string(t);
      expect(t < found.tokens.size() ? found.tokens[t] == token : token == kEnd,
             what);
      expect_near(found.token_scores[t], *best, what);
      target.push_back(token);
      follows = follows && token == prefix[t];
    }
  }
}

// A token's own digits near a probability of 1: -1e-7 is no rounding of 0.
void likely_token_keeps_its_digits() {
  Task task = plain_task(0, 1);
  task.model = [](const Sequence&) {
    return std::vector<float>{16.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F};
  };
  const double wanted = -std::log1p(5 * std::exp(-16.0));
  const double found = run(task).found[0].token_scores.at(0);
  expect(std::abs(found - wanted) < 0.1 * std::abs(wanted),
         std::to_string(found * 1e9) + "e-9");
}

}  // namespace

std::vector<Fact> facts_of_options() {
  return {
      {"suppressed tokens never come", checked<suppress>},
      {"tokens suppressed at the beginning come later",
       checked<begin_suppress>},
      {"a forced first token comes before that beginning",
       checked<force_first>},
      {"no end comes before min_new_tokens", checked<want_length>},
      {"other tokens may end a target", checked<end_otherwise>},
      {"sequence_bias is added behind the rest of its sequence",
       checked<bias_sequences>},
      {"a suppressed sequence never comes", checked<suppress_sequences>},
      {"repetition is penalised", checked<penalise_repetition>},
      {"tokens of the source are favoured", checked<favour_source>},
      {"no bigram comes twice", checked<forbid_bigrams>},
      {"no token comes twice", checked<forbid_tokens_twice>},
      {"no bigram of the source comes", checked<forbid_bigrams_of_the_source>},
      {"options add up", checked<do_it_all>},
      {"a prefix that is not certain gets its share",
       prefix_that_is_not_certain_gets_its_share},
      {"a likely token keeps its digits", likely_token_keeps_its_digits},
  };
}

}  // namespace search_test
