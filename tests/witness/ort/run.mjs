// Runs a model in ONNX Runtime and writes every output that it declares.
//
//   node run.mjs PACKAGES MODEL LEVEL INPUTS OUT
//
// PACKAGES  folder with node_modules/onnxruntime-node       LEVEL  graph optimisations: disabled, basic, extended or all
// INPUTS    folder with one NAME.f32 per input: raw little-endian float32 in the model's input order, listed in inputs.json as [{"name", "file", "shape"}]
// OUT       gets one raw little-endian file per output and outputs.json: [{"name", "file", "type", "shape"}]; optimised.onnx is the model that really ran
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const [packages, model, level, inputs, out] = process.argv.slice(2);
const ort = createRequire(join(packages, 'package.json'))('onnxruntime-node');

mkdirSync(out, { recursive: true });
const session = await ort.InferenceSession.create(model, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: level,
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  optimizedModelFilePath: join(out, 'optimised.onnx'),
});
const feeds = {};
for (const { name, file, shape } of JSON.parse(readFileSync(join(inputs, 'inputs.json')))) {
  const bytes = readFileSync(join(inputs, file));
  feeds[name] = new ort.Tensor('float32', new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)), shape);
}
const results = await session.run(feeds);
const described = [];
for (const [index, name] of session.outputNames.entries()) {
  const { data, dims, type } = results[name];
  const file = `${index}.raw`;
  writeFileSync(join(out, file), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  described.push({ name, file, type, shape: dims });
}
writeFileSync(join(out, 'outputs.json'), JSON.stringify(described));
