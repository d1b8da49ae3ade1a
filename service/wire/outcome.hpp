// What one request came to, between core::Answer and cancelbus.v1.Outcome. Used by backend_codec only.
//
// Decoding never fails: the task id is what frees a permit in the end, so an outcome that this build cannot read (a
// newer worker's) becomes the worst that is possible, Doubtful and Silent, instead of an error.
#pragma once

#include "cancelbus/v1/backend.pb.h"
#include "service/core/answer.hpp"

namespace cancelbus::wire {

/// `part`: of a listing, from 1.
void fill_outcome(const core::Answer& answer, v1::Outcome& outcome, uint32_t part = 1);
core::Answer to_answer(const v1::Outcome& outcome);

}  // namespace cancelbus::wire
