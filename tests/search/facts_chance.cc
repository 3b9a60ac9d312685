// Searches that draw: how often what comes.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "facts.h"

namespace search_test {
namespace {

// Seeds to count over. Counts are always the same; the bound of five standard
// deviations is what they were checked against once.
constexpr uint64_t kDraws = 2000;
constexpr double kDeviations = 5;

const std::vector<float> kLogits = {0.3F, 1.2F, -0.4F, 0.9F, -1.5F, 0.1F};

Task one_token(const SearchOptions& options) {
  Task task = {.model = [](const Sequence&) { return kLogits; },
               .options = options};
  task.options.do_sample = true;
  task.options.max_new_tokens = 1;
  return task;
}

std::vector<double> softmax(double temperature) {
  std::vector<double> probabilities;
  double sum = 0;
  for (const float logit : kLogits) {
    sum += std::exp(double{logit} / temperature);
  }
  for (const float logit : kLogits) {
    probabilities.push_back(std::exp(double{logit} / temperature) / sum);
  }
  return probabilities;
}

// Makes the tokens that `keep` refuses impossible.
std::vector<double> only(std::vector<double> probabilities,
                         const std::function<bool(size_t)>& keep) {
  double sum = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    probabilities[i] = keep(i) ? probabilities[i] : 0;
    sum += probabilities[i];
  }
  for (double& one : probabilities) {
    one /= sum;
  }
  return probabilities;
}

void expect_count(int found, double probability, const std::string& what) {
  const double wanted = probability * kDraws;
  const double most =
      kDeviations * std::sqrt(wanted * (1 - probability)) + 1e-9;
  expect(std::abs(found - wanted) <= most, what + ": " + std::to_string(found) +
                                               " times, expected " +
                                               std::to_string(wanted));
}

int32_t token_of(const Found& found) {
  return found.tokens.empty() ? kEnd : found.tokens[0];
}

// The first token has these probabilities, and the model's own score.
void expect_distribution(const SearchOptions& options,
                         const std::vector<double>& wanted) {
  Task task = one_token(options);
  std::vector<int> counts(kVocab, 0);
  const std::vector<double> plain = softmax(1);
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    task.options.seed = seed;
    const Found found = run(task).found.at(0);
    const size_t token = static_cast<size_t>(token_of(found));
    ++counts[token];
    expect_near(found.token_scores.at(0), std::log(plain[token]), "score");
  }
  for (size_t token = 0; token < counts.size(); ++token) {
    expect_count(counts[token], wanted[token],
                 "token " + std::to_string(token));
  }
}

void tokens_are_drawn_by_their_probabilities() {
  expect_distribution(default_options(), softmax(1));
}

void temperature_divides_logits() {
  SearchOptions options = default_options();
  options.temperature = 0.5F;
  expect_distribution(options, softmax(0.5));
}

void top_k_keeps_the_best() {
  SearchOptions options = default_options();
  options.top_k = 3;
  expect_distribution(
      options, only(softmax(1), [](size_t i) { return kLogits[i] >= 0.3F; }));
}

// In order, the probabilities are about 0.36, 0.26, 0.15, 0.12, 0.07, 0.02.
void top_p_keeps_the_fewest_that_reach_it() {
  SearchOptions options = default_options();
  options.top_p = 0.7F;
  expect_distribution(
      options, only(softmax(1), [](size_t i) { return kLogits[i] >= 0.3F; }));
  options.top_p = 0.6F;
  expect_distribution(
      options, only(softmax(1), [](size_t i) { return kLogits[i] >= 0.9F; }));
}

// exp(0.1 - 1.2) is 0.33, exp(-0.4 - 1.2) is 0.20.
void min_p_keeps_what_comes_near_the_best() {
  SearchOptions options = default_options();
  options.min_p = 0.3F;
  expect_distribution(
      options, only(softmax(1), [](size_t i) { return kLogits[i] >= 0.1F; }));
}

// Suppressed tokens are never drawn; the others keep the model's scores.
void suppressed_tokens_are_not_drawn() {
  SearchOptions options = default_options();
  options.suppress_tokens = {1, 5};
  expect_distribution(
      options, only(softmax(1), [](size_t i) { return i != 1 && i != 5; }));
}

void samples_are_independent() {
  SearchOptions options = default_options();
  options.num_hypotheses = 2;
  Task task = one_token(options);
  const std::vector<double> wanted = softmax(1);
  int both = 0;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    task.options.seed = seed;
    const std::vector<Found> found = run(task).found;
    expect(found.size() == 2 && found[0].score >= found[1].score, "order");
    both += token_of(found[0]) == token_of(found[1]) ? 1 : 0;
  }
  double equal = 0;
  for (const double one : wanted) {
    equal += one * one;
  }
  expect_count(both, equal, "equal samples");
}

void top_k_keeps_the_best_at_a_temperature() {
  SearchOptions options = default_options();
  options.top_k = 4;
  options.temperature = 3.0F;
  expect_distribution(
      options, only(softmax(3), [](size_t i) { return kLogits[i] >= 0.1F; }));
}

void every_sample_follows_its_own_past() {
  SearchOptions options = default_options();
  options.num_hypotheses = 4;
  Task task = one_token(options);
  task.model = random_model(6, -1.0F);
  task.options.max_new_tokens = 8;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    task.options.seed = seed;
    for (const Found& found : run(task).found) {
      Sequence target;
      for (size_t t = 0; t < found.token_scores.size(); ++t) {
        const int32_t token = t < found.tokens.size() ? found.tokens[t] : kEnd;
        expect_near(found.token_scores[t],
                    slow_scores(task, target)[static_cast<size_t>(token)],
                    "seed " + std::to_string(seed));
        target.push_back(token);
      }
    }
  }
}

// A beam of two draws two different continuations: the second by what the first
// has left.
void expect_two_draws(const SearchOptions& options,
                      const std::vector<double>& p) {
  Task task = one_token(options);
  task.options.beam_size = task.options.num_hypotheses = 2;
  std::map<std::pair<int32_t, int32_t>, int> counts;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    task.options.seed = seed;
    const std::vector<Found> found = run(task).found;
    expect(found.size() == 2, "two targets");
    ++counts[std::minmax({token_of(found[0]), token_of(found[1])})];
  }
  for (int32_t a = 0; a < kVocab; ++a) {
    expect(counts.count({a, a}) == 0, "a token twice");
    for (int32_t b = a + 1; b < kVocab; ++b) {
      const double x = p[static_cast<size_t>(a)];
      const double y = p[static_cast<size_t>(b)];
      expect_count(counts[{a, b}], x * y / (1 - x) + y * x / (1 - y),
                   std::to_string(a) + " and " + std::to_string(b));
    }
  }
}

void beam_draws_without_replacement() {
  SearchOptions options = default_options();
  options.temperature = 1.5F;
  expect_two_draws(options, softmax(1.5));
}

void beam_draws_from_the_best_without_replacement() {
  SearchOptions options = default_options();
  options.top_k = 4;
  expect_two_draws(
      options, only(softmax(1), [](size_t i) { return kLogits[i] >= 0.1F; }));
}

// The same seed, source and step: the same draw; another of any: another.
void draws_depend_on_seed_source_and_step() {
  Task task = one_token(default_options());
  task.options.max_new_tokens = 40;
  task.options.suppress_tokens = {kEnd};
  task.options.seed = 7;
  const Sequence first = run(task).found[0].tokens;
  expect_tokens(run(task).found[0].tokens, first, "the same again");
  expect(std::count(first.begin(), first.end(), first[0]) < 40, "all steps");
  task.source = {1, 3};
  expect(run(task).found[0].tokens != first, "another source");
  task.source = {1, 2};
  task.options.seed = 8;
  expect(run(task).found[0].tokens != first, "another seed");
}

}  // namespace

std::vector<Fact> facts_of_chance() {
  return {
      {"tokens are drawn by their probabilities",
       tokens_are_drawn_by_their_probabilities},
      {"temperature divides logits", temperature_divides_logits},
      {"top_k keeps the best", top_k_keeps_the_best},
      {"top_k keeps the best at a temperature",
       top_k_keeps_the_best_at_a_temperature},
      {"top_p keeps the fewest that reach it",
       top_p_keeps_the_fewest_that_reach_it},
      {"min_p keeps what comes near the best",
       min_p_keeps_what_comes_near_the_best},
      {"suppressed tokens are not drawn", suppressed_tokens_are_not_drawn},
      {"samples are independent", samples_are_independent},
      {"every sample follows its own past", every_sample_follows_its_own_past},
      {"a beam draws without replacement", beam_draws_without_replacement},
      {"a beam draws from the best without replacement",
       beam_draws_from_the_best_without_replacement},
      {"draws depend on seed, source and step",
       draws_depend_on_seed_source_and_step},
  };
}

}  // namespace search_test
