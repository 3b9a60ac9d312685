// The slow definitions: every option applied to all logits at once, and lists
// of everything that are sorted.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "facts.h"

namespace search_test {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

bool ends_with(const Sequence& tokens, const Sequence& ending) {
  return tokens.size() >= ending.size() &&
         std::equal(ending.rbegin(), ending.rend(), tokens.rbegin());
}

bool contains(const Sequence& tokens, int32_t token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

Sequence ends_of(const SearchOptions& options) {
  return options.end_tokens.empty() ? Sequence{kEnd} : options.end_tokens;
}

// Start, certain prefix and new tokens.
Sequence whole(const SearchOptions& options, const Sequence& new_tokens) {
  Sequence target = {kStart};
  target.insert(target.end(), options.target_prefix.begin(),
                options.target_prefix.begin() + options.certain_prefix());
  target.insert(target.end(), new_tokens.begin(), new_tokens.end());
  return target;
}

// Whether `token` would complete an n-gram of `from`.
bool completes_ngram(const Sequence& history, int32_t token,
                     const Sequence& from, int32_t size) {
  Sequence ngram = history;
  ngram.push_back(token);
  if (size == 0 || ngram.size() < static_cast<size_t>(size)) {
    return false;
  }
  ngram.erase(ngram.begin(), ngram.end() - size);
  return std::search(from.begin(), from.end(), ngram.begin(), ngram.end()) !=
         from.end();
}

double edited(const Task& task, const Sequence& new_tokens, int32_t token,
              double x) {
  const SearchOptions& options = task.options;
  const int32_t length = static_cast<int32_t>(new_tokens.size());
  Sequence history = whole(options, new_tokens);
  if (!options.history_counts_start) {
    history.erase(history.begin());
  }
  for (const pyattn::SequenceBias& one : options.sequence_bias) {
    Sequence before = one.tokens;
    before.pop_back();
    if (token == one.tokens.back() && ends_with(history, before)) {
      x += one.bias;
    }
  }
  double penalty = contains(history, token) ? options.repetition_penalty : 1;
  penalty /=
      contains(task.source, token) ? options.encoder_repetition_penalty : 1;
  x = x < 0 ? x * penalty : x / penalty;
  const int32_t first_free = options.forced_bos_token >= 0 ? 1 : 0;
  const bool forbidden =
      contains(options.suppress_tokens, token) ||
      (length == first_free &&
       contains(options.begin_suppress_tokens, token)) ||
      (length < options.min_new_tokens && contains(ends_of(options), token)) ||
      completes_ngram(history, token, history, options.no_repeat_ngram_size) ||
      completes_ngram(history, token, task.source,
                      options.encoder_no_repeat_ngram_size);
  return forbidden ? kNever : x;
}

double log_sum(const std::vector<double>& x) {
  double sum = 0;
  for (const double one : x) {
    sum += std::exp(one);
  }
  return std::log(sum);
}

int32_t longest(const Task& task) {
  const double factor = task.options.max_length_factor;
  const int32_t cap = static_cast<int32_t>(std::max(
      std::ceil(factor * static_cast<double>(task.source.size())), 1.0));
  return factor == 0 ? task.options.max_new_tokens
                     : std::min(cap, task.options.max_new_tokens);
}

bool is_over(const Task& task, const Sequence& tokens) {
  return contains(ends_of(task.options), tokens.back()) ||
         static_cast<int32_t>(tokens.size()) == longest(task);
}

FinishReason reason_of(const Task& task, const Sequence& tokens) {
  const bool cut = task.options.force_end &&
                   static_cast<int32_t>(tokens.size()) == longest(task);
  return contains(ends_of(task.options), tokens.back()) && !cut
             ? FinishReason::kEnd
             : FinishReason::kLength;
}

double coverage(const Task& task, const Sequence& new_tokens) {
  if (task.options.coverage_penalty == 0) {
    return 0;
  }
  const Sequence all = whole(task.options, new_tokens);
  std::vector<double> covered(task.source.size(), 0.0);
  // The start's row is the first; the last token has none.
  for (size_t rows = 1; rows < all.size(); ++rows) {
    const auto attention =
        task.attention(Sequence(all.begin(), all.begin() + rows));
    for (size_t i = 0; i < covered.size(); ++i) {
      covered[i] += attention[i];
    }
  }
  double sum = 0;
  for (const double one : covered) {
    sum += std::log(std::min(one, 1.0));
  }
  return task.options.coverage_penalty * sum;
}

double normalised(const Task& task, double total, size_t length) {
  if (task.options.length_counts_prefix) {
    length += static_cast<size_t>(task.options.certain_prefix());
  }
  return total / std::pow(static_cast<double>(length),
                          double{task.options.length_penalty});
}

Target finished(const Task& task, Target target) {
  target.reason = reason_of(task, target.tokens);
  target.returned = target.tokens;
  if (!task.options.return_end_token &&
      contains(ends_of(task.options), target.tokens.back())) {
    target.returned.pop_back();
  }
  target.rank = normalised(task, target.total(), target.tokens.size()) +
                coverage(task, target.tokens);
  return target;
}

Target extended(Target target, int32_t token, double score) {
  target.tokens.push_back(token);
  target.scores.push_back(score);
  return target;
}

void sort_by(std::vector<Target>& targets, double (*key)(const Target&)) {
  std::stable_sort(
      targets.begin(), targets.end(),
      [key](const Target& a, const Target& b) { return key(a) > key(b); });
}

double total_of(const Target& target) { return target.total(); }
double rank_of(const Target& target) { return target.rank; }

// Of the places of a beam, those of ends stay empty, but for the first.
void drop_late_ends(const Task& task, std::vector<Target>& ranking) {
  size_t places = static_cast<size_t>(task.options.beam_size);
  std::vector<Target> kept;
  for (size_t place = 0; place < places; ++place) {
    const bool ends = is_over(task, ranking[place].tokens);
    if (!ends || place == 0) {
      kept.push_back(ranking[place]);
    }
    places += ends && place == 0 ? 1 : 0;
  }
  ranking = kept;
}

}  // namespace

double Target::total() const {
  double total = 0;
  for (const double score : scores) {
    total += score;
  }
  return total;
}

std::vector<double> slow_scores(const Task& task, const Sequence& new_tokens) {
  const SearchOptions& options = task.options;
  const int32_t length = static_cast<int32_t>(new_tokens.size());
  const auto only = [](int32_t token) {
    std::vector<double> scores(kVocab, kNever);
    scores[static_cast<size_t>(token)] = 0;
    return scores;
  };
  if (options.force_end && length + 1 == longest(task)) {
    return only(ends_of(options).front());
  }
  if (options.forced_bos_token >= 0 && length == 0) {
    return only(options.forced_bos_token);
  }
  const std::vector<float> logits = task.model(whole(options, new_tokens));
  const std::vector<double> raw(logits.begin(), logits.end());
  std::vector<double> scores, changed;
  for (int32_t token = 0; token < kVocab; ++token) {
    changed.push_back(
        edited(task, new_tokens, token, raw[static_cast<size_t>(token)]));
  }
  const double sum = log_sum(options.renormalize ? changed : raw);
  for (int32_t token = 0; token < kVocab; ++token) {
    const size_t i = static_cast<size_t>(token);
    const bool on_logits = options.renormalize || options.beam_size == 1;
    scores.push_back(on_logits ? changed[i] - sum
                               : edited(task, new_tokens, token, raw[i] - sum));
  }
  return scores;
}

Target slow_greedy(const Task& task, const Sequence& first_tokens) {
  Target target;
  for (const int32_t token : first_tokens) {
    target =
        extended(target, token,
                 slow_scores(task, target.tokens)[static_cast<size_t>(token)]);
  }
  while (target.tokens.empty() || !is_over(task, target.tokens)) {
    const std::vector<double> scores = slow_scores(task, target.tokens);
    const auto best = std::max_element(scores.begin(), scores.end());
    target =
        extended(target, static_cast<int32_t>(best - scores.begin()), *best);
  }
  return finished(task, target);
}

SlowBeam slow_beam(const Task& task) {
  const SearchOptions& options = task.options;
  const size_t beam = static_cast<size_t>(options.beam_size);
  const size_t wanted =
      static_cast<size_t>(std::lround(options.patience * options.beam_size));
  std::vector<Target> live(1), over;
  bool top_ended = false;
  for (int steps = 1;; ++steps) {
    std::vector<Target> ranking;
    for (const Target& one : live) {
      const std::vector<double> scores = slow_scores(task, one.tokens);
      for (int32_t token = 0; token < kVocab; ++token) {
        if (scores[static_cast<size_t>(token)] > kNever) {
          ranking.push_back(
              extended(one, token, scores[static_cast<size_t>(token)]));
        }
      }
    }
    sort_by(ranking, total_of);
    if (steps == 1 && options.certain_prefix() > 0 &&
        !options.end_behind_prefix) {
      drop_late_ends(task, ranking);
    }
    top_ended = top_ended || is_over(task, ranking.front().tokens);
    live.clear();
    for (size_t place = 0; place < ranking.size(); ++place) {
      if (!is_over(task, ranking[place].tokens)) {
        live.push_back(ranking[place]);
      } else if (place < beam) {
        over.push_back(finished(task, ranking[place]));
      }
    }
    live.resize(std::min(live.size(), beam));
    sort_by(over, rank_of);
    over.resize(std::min(over.size(), wanted));
    bool stops = live.empty();
    const auto beaten = [&](size_t length) {
      return over.size() == wanted &&
             normalised(task, live.front().total(), length) <= over.back().rank;
    };
    const size_t length = static_cast<size_t>(steps);
    switch (options.early_stopping) {
      case pyattn::EarlyStopping::kFull:
        stops = stops || over.size() == wanted;
        break;
      case pyattn::EarlyStopping::kHeuristic:
        stops = stops || beaten(length);
        break;
      case pyattn::EarlyStopping::kNever:
        stops = stops || beaten(options.length_penalty > 0
                                    ? static_cast<size_t>(longest(task))
                                    : length);
        break;
      case pyattn::EarlyStopping::kBest:
        stops = stops ||
                (top_ended &&
                 over.size() >= static_cast<size_t>(options.num_hypotheses));
    }
    if (stops) {
      over.resize(
          std::min(over.size(), static_cast<size_t>(options.num_hypotheses)));
      return {over, steps};
    }
  }
}

std::vector<Target> all_targets(const Task& task) {
  std::vector<Target> all, open(1);
  while (!open.empty()) {
    const Target one = open.back();
    open.pop_back();
    if (!one.tokens.empty() && is_over(task, one.tokens)) {
      all.push_back(finished(task, one));
      continue;
    }
    const std::vector<double> scores = slow_scores(task, one.tokens);
    for (int32_t token = 0; token < kVocab; ++token) {
      if (scores[static_cast<size_t>(token)] > kNever) {
        open.push_back(
            extended(one, token, scores[static_cast<size_t>(token)]));
      }
    }
  }
  sort_by(all, rank_of);
  return all;
}

}  // namespace search_test
