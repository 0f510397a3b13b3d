// ONNX's and protobuf's headers with their warnings silenced. Only for the files of this folder that read the file format.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>
#pragma GCC diagnostic pop
