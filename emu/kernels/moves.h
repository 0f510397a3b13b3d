// The kernels of operations that only move elements: what the reference gathers one by one comes in rows.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel prepare(const Transpose& op, const OpContext& context);
PreparedKernel prepare(const Pad& op, const OpContext& context);
PreparedKernel prepare(const Slice& op, const OpContext& context);
PreparedKernel prepare(const ResizeNearest& op, const OpContext& context);

}  // namespace assay::emu
